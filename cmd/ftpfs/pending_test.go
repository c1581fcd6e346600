package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ftpfs/cache/journal"
)

func exitCode(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		return e.code
	}
	return -1
}

// Each file is listed with where it is and what becomes of it, and the exit
// code says whether there is one.
func TestPending(t *testing.T) {
	state := t.TempDir()
	a, out, _ := testApp(map[string]string{"XDG_STATE_HOME": state})
	if err := a.pending("", false); err != nil || !strings.Contains(out.String(), "Nothing is pending") {
		t.Errorf("%v: %s", err, out)
	}
	staging := filepath.Join(state, "ftpfs", "staging")
	dead := startUploader(t, staging)
	dead.do("save /dead \x1b[2J\xff")
	dead.do("fail /dead \x1b[2J\xff")
	dead.do("save /lost")
	dead.do("lose /lost")
	dead.kill()
	alive := startUploader(t, staging)
	alive.do("save /alive")

	out.Reset()
	if err := a.pending("", false); exitCode(err) != exitPending {
		t.Error(err)
	}
	text := out.String()
	for _, want := range []string{
		"/dead \\x1b[2J\\xff\n    5 bytes, since 2", ", 1 try, waiting for the next mount of " + testOrigin + "\n    last error: 451 the disk is full\n",
		"/alive\n    5 bytes, since ", ", uploading to " + testOrigin + " by process ",
		"/lost\n    5 bytes, lost 2", "lost+found: the server has another version", staging,
		"1 file (5 bytes) is being uploaded, 1 file (5 bytes) waits for the next mount, 1 file (5 bytes) is in lost+found\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}

	out.Reset()
	if err := a.pending(staging, true); exitCode(err) != exitPending {
		t.Error(err)
	}
	var entries []struct {
		Path, Origin, Error, File exactText
		State                     string
		Size                      int64
		Saved                     time.Time
		Tries, PID                int
	}
	if err := json.Unmarshal([]byte(out.String()), &entries); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	states := map[exactText]string{}
	for _, e := range entries {
		states[e.Path] = e.State
		data, err := os.ReadFile(string(e.File))
		if err != nil || string(data) != "hello" || e.Size != 5 || e.Saved.IsZero() || e.Origin != testOrigin ||
			(e.PID != 0) != (e.State == stateUploading) {
			t.Errorf("%+v: %v", e, err)
		}
	}
	if len(entries) != 3 || states["/dead \x1b[2J\xff"] != stateWaiting || states["/alive"] != stateUploading || states["/lost"] != stateLost {
		t.Errorf("%v", states)
	}
	alive.do("drop /alive")
	alive.end()
}

func TestPendingOfAnEmptyDirectory(t *testing.T) {
	a, out, _ := testApp(nil)
	if err := a.pending(t.TempDir(), true); err != nil || strings.TrimSpace(out.String()) != "[]" {
		t.Errorf("%v: %q", err, out)
	}
	for _, dir := range []string{filepath.Join(t.TempDir(), "no"), os.Args[0]} {
		if err := a.pending(dir, false); exitCode(err) != exitUsage || !strings.Contains(err.Error(), dir) {
			t.Errorf("%v", err)
		}
	}
}

// The staging directories of running mounts are looked into, too.
func TestPendingFindsOtherStagingDirs(t *testing.T) {
	a, out, _ := testApp(map[string]string{"XDG_STATE_HOME": t.TempDir()})
	staging := filepath.Join(t.TempDir(), "else")
	remove, err := a.noteMount(&settings{Mountpoint: "/mnt", StagingDir: staging})
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	o := startUploader(t, staging)
	o.do("save /there")
	if err := a.pending("", false); exitCode(err) != exitPending || !strings.Contains(out.String(), "/there") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestTexts(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1024: "1.0K", 1 << 20: "1.0M", 1<<20 - 1: "1.0M", 3 << 29: "1.5G", 1 << 62: "4096.0P",
	} {
		if got := sizeText(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		time.Second: "1 second", 119 * time.Second: "1 minute", 3 * time.Hour: "3 hours", 100 * time.Hour: "4 days",
	} {
		if got := ageText(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	got := pendingText(journal.Pending{Lost: true, File: "/x"}, time.Now())
	for _, want := range []string{"not known", "its server"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}
