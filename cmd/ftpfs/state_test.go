package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestStateDir(t *testing.T) {
	for _, test := range []struct {
		env        map[string]string
		user, root string // the directory, or a part of the error
	}{
		{map[string]string{"XDG_STATE_HOME": "/state", "HOME": "/home/joe"}, "/state/ftpfs", "/state/ftpfs"},
		{map[string]string{"HOME": "/home/joe"}, "/home/joe/.local/state/ftpfs", "/var/lib/ftpfs"},
		{map[string]string{"XDG_STATE_HOME": "relative", "HOME": "/home/joe"}, "/home/joe/.local/state/ftpfs", "/var/lib/ftpfs"},
		{nil, "--staging-dir", "/var/lib/ftpfs"},
	} {
		a, _, _ := testApp(test.env)
		want := test.user
		if os.Geteuid() == 0 {
			want = test.root
		}
		got, err := a.stateDir()
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%v: %q, want %q", test.env, got, want)
		}
	}
}

// A running mount is known by others, one that has ended is not, however it
// ended.
func TestRunningMounts(t *testing.T) {
	state := filepath.Join(t.TempDir(), "a[b]*")
	a, _, _ := testApp(map[string]string{"XDG_STATE_HOME": state})
	if got := a.runningMounts(); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	s := &settings{Mountpoint: "/mnt/\xff", PublicURL: "ftp://host/", StagingDir: "/stage"}
	remove, err := a.noteMount(s)
	if err != nil {
		t.Fatal(err)
	}
	// What processes left that are gone: one whose id is free, and one whose id
	// another process has now.
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	stale := []string{"1.json", jsonName(gone.Process.Pid)}
	data, _ := json.Marshal(mountState{Mountpoint: "/old", Started: "-1"})
	dir := filepath.Join(state, "ftpfs", "mounts")
	for _, name := range append(stale, "unrelated.json") {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := a.runningMounts()
	if len(got) != 1 || got[0].PID != os.Getpid() || string(got[0].Mountpoint) != s.Mountpoint ||
		string(got[0].URL) != s.PublicURL || string(got[0].StagingDir) != s.StagingDir {
		t.Errorf("%+v", got)
	}
	for _, name := range stale {
		if _, err := os.Stat(filepath.Join(dir, name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, jsonName(os.Getpid())))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	remove()
	if got := a.runningMounts(); len(got) > 0 {
		t.Errorf("after its end: %+v", got)
	}
}

func jsonName(pid int) string { return strconv.Itoa(pid) + ".json" }

func TestProcesses(t *testing.T) {
	started, ok := processStart(os.Getpid())
	if again, _ := processStart(os.Getpid()); !ok || started == "" || again != started {
		t.Errorf("%q, %v", started, ok)
	}
	if uid := processUser(os.Getpid()); uid != os.Geteuid() {
		t.Errorf("user %d", uid)
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	if _, ok := processStart(gone.Process.Pid); ok || processUser(gone.Process.Pid) != -1 {
		t.Error("it is gone")
	}
}

func TestExactText(t *testing.T) {
	for _, s := range []string{"", "plain", "Grüße", "\xff\x00\"{", "\ufffd", "{"} {
		data, err := json.Marshal(exactText(s))
		if err != nil {
			t.Fatal(err)
		}
		var got exactText
		if err := json.Unmarshal(data, &got); err != nil || string(got) != s {
			t.Errorf("%q: %s, %q, %v", s, data, got, err)
		}
	}
}
