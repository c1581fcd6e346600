package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ftpfs/cache/journal"
)

// screen is what is shown, for several goroutines.
type screen struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// waits waits until something is shown.
func (s *screen) waits(t *testing.T, text string) {
	t.Helper()
	for range 3000 {
		if strings.Contains(s.String(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%q is not shown: %q", text, s)
}

// watch waits for an uploader.
func watch(o *other, dir string) (*uploadWait, *screen) {
	out := &screen{}
	started, _ := processStart(o.cmd.Process.Pid)
	w := &uploadWait{
		out: out, pid: o.cmd.Process.Pid, url: "ftp://joe@host/pub",
		list: func() ([]journal.Pending, error) { return journal.List(dir) },
		running: func() bool {
			now, ok := processStart(o.cmd.Process.Pid)
			return ok && now == started
		},
		poll: time.Millisecond, quiet: 10 * time.Millisecond, grace: time.Hour,
	}
	w.begin()
	return w, out
}

func wait(w *uploadWait) (chan<- os.Signal, <-chan error) {
	signals, done := make(chan os.Signal, 1), make(chan error, 1)
	go func() { done <- w.wait(signals) }()
	return signals, done
}

// umount returns when all is uploaded, and says meanwhile what is left and what
// fails.
func TestUmountWaitsForUploads(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		dir := t.TempDir()
		o := startUploader(t, dir)
		o.do("save /earlier")
		o.do("lose /earlier") // before the waiting: it is not said again
		o.do("save /a")
		o.do("save /b")
		w, out := watch(o, dir)
		w.terminal = terminal
		_, done := wait(w)
		if terminal {
			out.waits(t, "2 files to upload")
		} else {
			out.waits(t, "2 files (10 bytes) are still to be uploaded")
		}
		o.do("fail /b")
		out.waits(t, "/b: 451 the disk is full; it is tried again")
		o.do("drop /a")
		if terminal {
			out.waits(t, "1 file to upload")
		} else {
			out.waits(t, "1 file (5 bytes) is still to be uploaded")
		}
		o.do("drop /b")
		o.do("save /c") // it may be that more comes when nothing is left
		o.do("drop /c")
		o.end()
		if err := <-done; err != nil {
			t.Errorf("%v: %q", err, out)
		}
		if n := strings.Count(out.String(), "451"); n != 1 {
			t.Errorf("the error is shown %d times", n)
		}
	}
}

// When the process ends and something is left, that is said, with an exit code.
func TestUmountSaysWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	o := startUploader(t, dir)
	o.do("save /a")
	o.do("save /b")
	o.do("save /c")
	w, out := watch(o, dir)
	_, done := wait(w)
	out.waits(t, "3 files")
	o.do("drop /a")
	o.do("lose /b")
	o.kill()
	err := <-done
	if exitCode(err) != exitPending {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"1 file (5 bytes) is not on the server, and", "mount ftp://joe@host/pub again", "1 file (5 bytes) is in lost+found", "ftpfs pending"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	for _, want := range []string{"/b\n", "the server has another version", "/c\n", "waiting for the next mount"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q lacks %q", out, want)
		}
	}
}

// Ctrl-C ends the waiting, and --no-wait does not begin it; the process goes on.
func TestUmountStopsWaiting(t *testing.T) {
	dir := t.TempDir()
	o := startUploader(t, dir)
	o.do("save /a")
	w, out := watch(o, dir)
	signals, done := wait(w)
	out.waits(t, "1 file")
	signals <- os.Interrupt
	errs := []error{<-done}
	w, out = watch(o, dir)
	errs = append(errs, w.noWait())
	for _, err := range errs {
		if exitCode(err) != exitPending || !strings.Contains(err.Error(), "goes on uploading") {
			t.Errorf("%v", err)
		}
	}
	if !strings.Contains(out.String(), "/a\n") || !w.running() {
		t.Errorf("%q", out)
	}
	o.do("drop /a")
	if err := w.noWait(); err != nil {
		t.Error(err)
	}
	o.end()
}

// A process that has nothing to upload and does not end is not waited for.
func TestUmountGivesUpOnIdleProcess(t *testing.T) {
	dir := t.TempDir()
	o := startUploader(t, dir)
	w, out := watch(o, dir)
	w.grace = 20 * time.Millisecond
	_, done := wait(w)
	if err := <-done; err != nil || out.String() != "" {
		t.Errorf("%v: %q", err, out)
	}
	// Unless we can not know that.
	w, out = watch(o, dir)
	w.grace, w.blind = time.Millisecond, true
	_, done = wait(w)
	out.waits(t, "has not ended yet")
	o.end()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What can not be listed is said, once, and is not waited for.
func TestUmountWithoutAList(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := startUploader(t, t.TempDir())
	w, out := watch(o, file)
	_, done := wait(w)
	out.waits(t, "can not be listed")
	o.end()
	if err := <-done; err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%v: %q", err, out)
	}
}

// The process of a mount is found by what it told of itself, where its
// arguments do not show it.
func TestUmountFindsTheMount(t *testing.T) {
	a, _, _ := testApp(map[string]string{"XDG_STATE_HOME": t.TempDir()})
	m := mountEntry{source: "ftp://no.such.host/", target: "/no/such/mount", fstype: fsType}
	if w := a.newUploadWait(m); w != nil {
		t.Errorf("%+v", w)
	}
	staging := t.TempDir()
	remove, err := a.noteMount(&settings{Mountpoint: m.target, PublicURL: m.source, StagingDir: staging})
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	st, err := journal.Open(staging)
	if err != nil {
		t.Fatal(err)
	}
	s, err := st.Begin(testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	i, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Save(journal.Record{Path: "/a"}); err != nil {
		t.Fatal(err)
	}
	w := a.newUploadWait(m)
	if w == nil || w.pid != os.Getpid() || w.blind || !w.running() {
		t.Fatalf("%+v", w)
	}
	if pending, lost := w.look(); len(pending) != 1 || len(lost) > 0 {
		t.Errorf("%+v, %+v", pending, lost)
	}
	if err := i.Drop(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
