package cache_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ftpfs/cache"
	"ftpfs/cache/journal"
	"ftpfs/ftpconn"

	"github.com/google/go-cmp/cmp"
)

// refuseStores makes the server take no content, and the rest.
func (r *remote) refuseStores(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = func(verb, _ string) error {
		if verb == "STOR" || verb == "APPE" {
			return err
		}
		return nil
	}
}

func (r *remote) refuseNothing() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = nil
}

// recorded are the paths in a staging directory; lost+found is told apart.
func recorded(t *testing.T, dir string) (saved, lost []string) {
	t.Helper()
	all, err := journal.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.Lost {
			lost = append(lost, p.Path)
		} else {
			saved = append(saved, p.Path)
		}
	}
	return saved, lost
}

func wantPending(t *testing.T, c *cache.Cache, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, c.Pending()); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
}

func flush(t *testing.T, c *cache.Cache) {
	t.Helper()
	for len(c.Pending()) > 0 && t.Context().Err() == nil {
		c.Hurry() // one that begins to pause just now is told the next time
		time.Sleep(time.Millisecond)
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// What is written while a file is on its way comes after it.
func TestWriteWhileSending(t *testing.T) {
	r, c := writing(t, cache.Config{Session: session(t, private(t)), WriteBack: true})
	sending, gate := make(chan struct{}, 10), make(chan struct{})
	r.cutUpload = func(string, int) error {
		sending <- struct{}{}
		<-gate
		return nil
	}
	if err := put(t, c, "/new", "first text"); err != nil {
		t.Fatal(err)
	}
	<-sending
	d := edit(t, c, "/new")
	if got, err := d.Read(t.Context(), 0, 100); err != nil || string(got) != "first text" {
		t.Errorf("%q, %v", got, err)
	}
	written := make(chan error)
	go func() { written <- d.Write(context.Background(), []byte("other"), 0, false) }()
	// One that does not wait so long.
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Write(short, []byte("never"), 0, false); !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
	close(gate)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if err := d.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Close()
	flush(t, c)
	wantContent(t, r, "/new", "other text")
}

func TestPendingFileIsRenamed(t *testing.T) {
	for _, back := range []bool{true, false} { // waits, or was refused
		for _, to := range []string{"/newer", "/old", "/d/new"} {
			for _, killed := range []bool{true, false} {
				dir := private(t)
				r, c := writing(t, cache.Config{Session: session(t, dir), WriteBack: back})
				r.mkdir("/d")
				c.Forget("/old")
				r.refuseStores(ftpconn.ErrNoSpace)
				if err := put(t, c, "/new", "text"); back != (err == nil) {
					t.Fatal(err)
				}
				if err := c.Rename(t.Context(), "/new", to, false); err != nil {
					t.Fatalf("to %s: %v", to, err)
				}
				wantPending(t, c, to)
				eventually(t, "the journal has it", func() bool {
					saved, _ := recorded(t, dir)
					return len(saved) == 1 && saved[0] == to
				})
				if to != "/old" {
					wantContent(t, r, "/old", "old content")
				}
				if killed {
					if err := c.Close(); err != nil {
						t.Fatal(err)
					}
					r.refuseNothing()
					c = after(t, r, dir, 1)
				}
				r.refuseNothing()
				flush(t, c)
				wantContent(t, r, to, "text")
				if _, ok := r.content("/new"); ok {
					t.Error("the old name is there")
				}
			}
		}
	}
}

// A part of it may be on the server.
func TestHalfSentFileIsRenamed(t *testing.T) {
	for _, arrived := range []int{-1, 2} {
		for _, to := range []string{"/newer", "/old"} {
			r, c := writing(t, cache.Config{Session: session(t, private(t))})
			r.cutCommit = func(string, int) (int, error) { return arrived, ftpconn.ErrShort }
			if err := put(t, c, "/new", "text"); !errors.Is(err, ftpconn.ErrShort) {
				t.Fatal(err)
			}
			if err := c.Rename(t.Context(), "/new", to, false); err != nil {
				t.Fatalf("to %s, %d bytes arrived: %v", to, arrived, err)
			}
			wantContent(t, r, "/old", "old content")
			r.mu.Lock()
			r.cutCommit = nil
			r.mu.Unlock()
			flush(t, c)
			wantContent(t, r, to, "text")
			if _, ok := r.content("/new"); ok {
				t.Error("the old name is there")
			}
		}
	}
}

func TestPendingFileIsRemoved(t *testing.T) {
	for _, arrived := range []int{-1, 2} {
		dir := private(t)
		r, c := writing(t, cache.Config{Session: session(t, dir)})
		r.cutCommit = func(string, int) (int, error) { return arrived, ftpconn.ErrShort }
		for _, name := range []string{"/new", "/old"} {
			if err := put(t, c, name, "text"); !errors.Is(err, ftpconn.ErrShort) {
				t.Fatal(err)
			}
			if err := c.Remove(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Lookup(t.Context(), "/", name[1:]); err == nil {
				t.Errorf("%s is there", name)
			}
		}
		wantPending(t, c)
		r.mu.Lock()
		r.cutCommit = nil
		r.mu.Unlock()
		flush(t, c)
		wantNames(t, r, "/")
		eventually(t, "nothing is in the journal", func() bool {
			saved, lost := recorded(t, dir)
			return len(saved)+len(lost) == 0
		})
	}
}

// What waits in a directory goes with it.
func TestDirectoryWithPendingFilesIsRenamed(t *testing.T) {
	for _, killed := range []bool{true, false} {
		dir := private(t)
		r, c := writing(t, cache.Config{Session: session(t, dir), WriteBack: true})
		r.mkdir("/d")
		r.mkdir("/d/e")
		r.write("/d/f", []byte("theirs"))
		c.Forget("/old")
		r.refuseStores(ftpconn.ErrUnreachable)
		d := edit(t, c, "/d/f")
		if err := d.Write(t.Context(), []byte("ours"), 0, false); err != nil {
			t.Fatal(err)
		}
		if err := d.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.Close()
		if err := put(t, c, "/d/e/g", "text"); err != nil {
			t.Fatal(err)
		}
		if err := c.Rmdir(t.Context(), "/d/e"); !errors.Is(err, ftpconn.ErrNotEmpty) {
			t.Errorf("rmdir: %v", err)
		}
		if err := c.Rename(t.Context(), "/d", "/moved", false); err != nil {
			t.Fatal(err)
		}
		wantPending(t, c, "/moved/e/g", "/moved/f")
		saved, _ := recorded(t, dir)
		if len(saved) != 2 || saved[0]+saved[1] != "/moved/f/moved/e/g" && saved[1]+saved[0] != "/moved/f/moved/e/g" {
			t.Errorf("in the journal: %q", saved)
		}
		if killed {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			r.refuseNothing()
			c = after(t, r, dir, 2)
		}
		r.refuseNothing()
		flush(t, c)
		wantContent(t, r, "/moved/f", "oursrs")
		wantContent(t, r, "/moved/e/g", "text")
		wantNames(t, r, "/", "moved", "old")
	}
}

func TestFlushEnds(t *testing.T) {
	r, c := writing(t, cache.Config{})
	if err := c.Flush(t.Context()); err != nil { // nothing to do
		t.Error(err)
	}
	r.refuseStores(ftpconn.ErrUnreachable)
	for _, name := range []string{"/b", "/a"} {
		if err := put(t, c, name, "text"); !errors.Is(err, ftpconn.ErrUnreachable) {
			t.Fatal(err)
		}
	}
	wantPending(t, c, "/a", "/b")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := c.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(t.Context()); !errors.Is(err, ftpconn.ErrClosed) {
		t.Errorf("error: %v", err)
	}
	wantPending(t, c, "/a", "/b")
}

// What is open when the mount ends is sent, by whomever it was opened.
func TestLeave(t *testing.T) {
	r, c := writing(t, cache.Config{Session: session(t, private(t))})
	d := edit(t, c, "/old")
	if !d.Use() {
		t.Error("it can not be used")
	}
	if err := d.Write(t.Context(), []byte("NEW"), 0, false); err != nil {
		t.Fatal(err)
	}
	wantPending(t, c, "/old")
	c.Leave()
	flush(t, c)
	wantContent(t, r, "/old", "NEW content")
	eventually(t, "it has ended", func() bool {
		d := c.Opened("/old")
		if d != nil {
			d.Close()
		}
		return d == nil
	})
	if d.Use() {
		t.Error("it can be used")
	}
}

// damage changes a byte in each record of a staging directory.
func damage(t *testing.T, dir string) {
	t.Helper()
	records, err := filepath.Glob(filepath.Join(dir, "*", "session-*", "*.record"))
	if err != nil || len(records) == 0 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for _, name := range records {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDamagedRecordIsLost(t *testing.T) {
	dir := private(t)
	r, c := writing(t, cache.Config{Session: session(t, dir), WriteBack: true})
	r.refuseStores(ftpconn.ErrUnreachable)
	if err := put(t, c, "/old", "new content"); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	damage(t, dir)
	r.refuseNothing()
	next, copied := afterIn(t, r, dir, 0)
	wantPending(t, next)
	if saved, lost := recorded(t, copied); len(saved) != 0 || len(lost) != 1 {
		t.Errorf("saved %q, lost %q", saved, lost)
	}
	wantContent(t, r, "/old", "old content")
}

// What was changed meanwhile is a conflict for the next mount too.
func TestRecordInConflict(t *testing.T) {
	for _, parts := range []bool{false, true} {
		dir := private(t)
		r, c := writing(t, cache.Config{Session: session(t, dir), WriteBack: true})
		r.refuseStores(ftpconn.ErrUnreachable)
		r.faulty = func(string, int64) error { return ftpconn.ErrUnreachable } // the rest is not read
		d := edit(t, c, "/old")
		if !parts {
			if err := d.Truncate(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Write(t.Context(), []byte("mine"), 0, false); err != nil {
			t.Fatal(err)
		}
		if err := d.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.Close()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		r.refuseNothing()
		r.mu.Lock()
		r.faulty = nil
		r.mu.Unlock()
		r.mtime = r.mtime.Add(time.Hour)
		r.write("/old", []byte("theirs"))
		next, copied := afterIn(t, r, dir, 1)
		flush(t, next)
		wantContent(t, r, "/old", "theirs")
		if parts {
			// No file can be made of them.
			eventually(t, "they are in lost+found", func() bool {
				saved, lost := recorded(t, copied)
				return len(saved) == 0 && len(lost) == 1 && lost[0] == "/old"
			})
			wantNames(t, r, "/", "old")
			continue
		}
		if err := next.Close(); err != nil { // what is under way ends
			t.Fatal(err)
		}
		if saved, lost := recorded(t, copied); len(saved)+len(lost) != 0 {
			t.Errorf("saved %q, lost %q", saved, lost)
		}
		if names := r.names("/"); len(names) != 2 {
			t.Errorf("on the server: %q", names)
		} else {
			wantContent(t, r, "/"+names[1], "mine")
		}
	}
}

// Two mounts that were killed may have left a version each. The newer one is
// sent, and the other is not lost.
func TestTwoRecordsOfOnePath(t *testing.T) {
	dir := private(t)
	r := newRemote()
	r.mkdir("/")
	now := new(clock)
	for _, text := range []string{"one", "two"} {
		now.add(time.Second)
		c := newCache(t, r, cache.Config{Session: session(t, dir), WriteBack: true, Now: now.now})
		r.refuseStores(ftpconn.ErrUnreachable)
		if err := put(t, c, "/new", text); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r.refuseNothing()
	next, copied := afterIn(t, r, dir, 2)
	flush(t, next)
	wantContent(t, r, "/new", "two")
	all, err := journal.List(copied)
	if err != nil || len(all) != 1 || !all[0].Lost || all[0].Path != "/new" {
		t.Fatalf("%+v, %v", all, err)
	}
	if kept, err := os.ReadFile(all[0].File); err != nil || string(kept) != "one" {
		t.Errorf("kept: %q, %v", kept, err)
	}
	wantNames(t, r, "/", "new")
}

// A new file that a mount left may have been begun there, or another may have
// made one meanwhile.
func TestNewFileOfTheLastMount(t *testing.T) {
	for there, ours := range map[string]bool{"": true, "te": true, "text": true, "else": false, "x": false, "text and more": false} {
		dir := private(t)
		r, c := writing(t, cache.Config{Session: session(t, dir), WriteBack: true})
		r.refuseStores(ftpconn.ErrUnreachable)
		if err := put(t, c, "/new", "text"); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		r.refuseNothing()
		r.write("/new", []byte(there))
		flush(t, after(t, r, dir, 1))
		if ours {
			wantContent(t, r, "/new", "text")
			wantNames(t, r, "/", "new", "old")
			continue
		}
		wantContent(t, r, "/new", there)
		if names := r.names("/"); len(names) != 3 {
			t.Errorf("on the server: %q", names)
		} else {
			wantContent(t, r, "/"+names[1], "text")
		}
	}
}

// What a crash left under temporary names is removed, and not shown before.
func TestTemporaryNamesOfTheLastMount(t *testing.T) {
	dir := private(t)
	r, c := writing(t, cache.Config{Session: session(t, dir)})
	r.refuse = func(verb, _ string) error {
		if verb == "DELE" {
			return ftpconn.ErrUnreachable
		}
		return nil
	}
	r.refuseTo = func(string, string) error { return ftpconn.ErrUnreachable }
	if err := put(t, c, "/old", "new content"); !errors.Is(err, ftpconn.ErrUnreachable) {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if names := r.names("/"); len(names) != 2 {
		t.Fatalf("on the server: %q", names)
	}
	r.refuseNothing()
	r.mu.Lock()
	r.refuseTo = nil
	r.mu.Unlock()
	next := after(t, r, dir, 1)
	flush(t, next)
	wantContent(t, r, "/old", "new content")
	wantNames(t, r, "/", "old")
}
