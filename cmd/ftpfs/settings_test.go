package main

import (
	"slices"
	"strings"
	"testing"
)

// Mounts can be written to, unless the last of ro and rw says otherwise,
// wherever mount(8) puts it.
func TestReadOnly(t *testing.T) {
	for options, want := range map[string]bool{
		"": false, "rw": false, "ro": true, "ro,rw": false, "rw,noauto,ro": true, "defaults,read_only": true, "read-only,rw": false,
	} {
		s := &settings{}
		if err := applyMountOptions(options, s, s.flags()); err != nil || s.ReadOnly != want {
			t.Errorf("%q: %v, %v", options, s.ReadOnly, err)
		}
	}
	for _, test := range []struct{ args, want string }{
		{"ftp://h/ /mnt -n -o ro,uid=1", "ftp://h/ /mnt -o ro,uid=1"},
		{"ftp://h/ /mnt -r", "ftp://h/ /mnt -o ro"},
		{"ftp://h/ /mnt -nrv -t ftpfs", "ftp://h/ /mnt -o ro"},
		{"ftp://h/ /mnt -rw", "ftp://h/ /mnt -o rw"},
		{"ftp://h/ /mnt -sfnv", "ftp://h/ /mnt"},
	} {
		if got := fromMount8(strings.Fields(test.args)); !slices.Equal(got, strings.Fields(test.want)) {
			t.Errorf("%s: %q", test.args, got)
		}
	}
}

func TestWritingSettings(t *testing.T) {
	s := &settings{}
	if err := s.flags().Parse(nil); err != nil {
		t.Fatal(err)
	}
	if s.OnConflict != "fail" || s.WriteBack || s.InPlace || s.StagingDir != "" {
		t.Errorf("%+v", s)
	}
	s = &settings{}
	if err := applyMountOptions("write_back,in-place,on_conflict=keep-both,staging_dir=/s", s, s.flags()); err != nil {
		t.Fatal(err)
	}
	if err := s.check(); err != nil || s.OnConflict != "keep-both" || !s.WriteBack || !s.InPlace || s.StagingDir != "/s" {
		t.Errorf("%v: %+v", err, s)
	}
	for value, ok := range map[string]bool{"fail": true, "keep-both": true, "overwrite": true, "": false, "Fail": false, "keep": false} {
		s.OnConflict = value
		err := s.check()
		if (err == nil) != ok || (err != nil && !strings.Contains(err.Error(), "--on-conflict")) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestExitCodesAreExplained(t *testing.T) {
	if text := newExitCodesTopic().Long; !strings.Contains(text, "\n 10  umount, pending: ") {
		t.Error(text)
	}
}
