package cache_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"ftpfs/cache"
	"ftpfs/cache/journal"
	"ftpfs/ftpconn"

	"github.com/google/go-cmp/cmp"
)

// writing returns a server with a file, and a cache of it.
func writing(t *testing.T, cfg cache.Config) (*remote, *cache.Cache) {
	t.Helper()
	r := newRemote()
	r.mkdir("/")
	r.write("/old", []byte("old content"))
	c := newCache(t, r, cfg)
	if _, err := c.Dir(t.Context(), "/"); err != nil {
		t.Fatal(err)
	}
	return r, c
}

// put writes a file as a program does that writes all at once.
func put(t *testing.T, c *cache.Cache, name, text string) error {
	t.Helper()
	d, err := c.Create(t.Context(), name, 0o644, false)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Truncate(t.Context(), 0); err != nil {
		return err
	}
	if err := d.Write(t.Context(), []byte(text), 0, false); err != nil {
		return err
	}
	return d.Finish(t.Context())
}

func edit(t *testing.T, c *cache.Cache, name string) *cache.Draft {
	t.Helper()
	e, err := c.Lookup(t.Context(), path.Dir(name), path.Base(name))
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.Edit(t.Context(), name, e, false)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func wantOps(t *testing.T, r *remote, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, r.took()); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

func wantContent(t *testing.T, r *remote, name, want string) {
	t.Helper()
	if got, ok := r.content(name); !ok || got != want {
		t.Errorf("%s: %.80q (%v), want %.80q", name, got, ok, want)
	}
}

func TestSmallNewFileIsOneCommand(t *testing.T) {
	r, c := writing(t, cache.Config{})
	if err := put(t, c, "/new", "text"); err != nil {
		t.Fatal(err)
	}
	wantOps(t, r, "STOR /new")
	wantContent(t, r, "/new", "text")
	if e, err := c.Lookup(t.Context(), "/", "new"); err != nil || e.Size != 4 {
		t.Errorf("%+v, %v", e, err)
	}
	if n := r.count("/"); n != 1 {
		t.Errorf("%d listings", n)
	}
}

func TestOverwriteIsOldOrNew(t *testing.T) {
	r, c := writing(t, cache.Config{})
	if err := put(t, c, "/old", "new content"); err != nil {
		t.Fatal(err)
	}
	wantOps(t, r, "STOR /TEMP", "RNTO /old")
	wantContent(t, r, "/old", "new content")

	r.mu.Lock()
	r.cutUpload = func(string, int) error { return ftpconn.ErrShort }
	r.mu.Unlock()
	if err := put(t, c, "/old", "newer content"); !errors.Is(err, ftpconn.ErrShort) {
		t.Errorf("an upload that breaks: %v", err)
	}
	wantContent(t, r, "/old", "new content")
}

func TestAppendSendsWhatIsNew(t *testing.T) {
	r, c := writing(t, cache.Config{})
	d := edit(t, c, "/old")
	if err := d.Write(t.Context(), []byte(" and more"), 11, true); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Read(t.Context(), 4, 100); err != nil || string(got) != "content and more" {
		t.Errorf("%q, %v", got, err)
	}
	if err := d.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Close()
	wantOps(t, r, "APPE /old")
	wantContent(t, r, "/old", "old content and more")
}

// ProFTPD's default is to refuse APPE with 451.
func TestAppendThatIsRefused(t *testing.T) {
	r, c := writing(t, cache.Config{})
	r.refuse = func(verb, _ string) error {
		if verb == "APPE" {
			return &ftpconn.Error{Op: "APPE", Code: 451, Msg: "Append/Restart not permitted, try again"}
		}
		return nil
	}
	for i, want := range [][]string{{"APPE /old", "STOR /TEMP", "RNTO /old"}, {"STOR /TEMP", "RNTO /old"}} {
		d := edit(t, c, "/old")
		if err := d.Write(t.Context(), []byte("!"), d.Size(), true); err != nil {
			t.Fatal(err)
		}
		if err := d.Finish(t.Context()); err != nil {
			t.Fatal(i, err)
		}
		d.Close()
		wantOps(t, r, want...)
	}
	wantContent(t, r, "/old", "old content!!")
}

func TestAppendThatBreaksGoesOn(t *testing.T) {
	r, c := writing(t, cache.Config{})
	broken := 0
	r.cutUpload = func(_ string, written int) error {
		if broken++; broken == 1 {
			return ftpconn.ErrShort // nothing has arrived of it
		}
		return nil
	}
	d := edit(t, c, "/old")
	defer d.Close()
	if err := d.Write(t.Context(), []byte(" and more"), 11, false); err != nil {
		t.Fatal(err)
	}
	if err := d.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantContent(t, r, "/old", "old content and more")
}

func TestPartOfAFileIsChanged(t *testing.T) {
	r, c := writing(t, cache.Config{})
	d := edit(t, c, "/old")
	defer d.Close()
	if err := d.Write(t.Context(), []byte("NEW"), 0, false); err != nil {
		t.Fatal(err)
	}
	if err := d.Truncate(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	if err := d.Truncate(t.Context(), 9); err != nil {
		t.Fatal(err)
	}
	if err := d.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantContent(t, r, "/old", "NEW con\x00\x00")
}

func TestConflictKeepsBoth(t *testing.T) {
	for _, policy := range []cache.OnConflict{cache.ConflictFail, cache.ConflictKeepBoth, cache.ConflictOverwrite} {
		t.Run(string(policy), func(t *testing.T) {
			r, c := writing(t, cache.Config{OnConflict: policy})
			d := edit(t, c, "/old")
			defer d.Close()
			r.mu.Lock()
			r.mtime = r.mtime.Add(time.Hour)
			r.mu.Unlock()
			r.write("/old", []byte("what another wrote"))
			if err := d.Truncate(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			if err := d.Write(t.Context(), []byte("mine"), 0, false); err != nil {
				t.Fatal(err)
			}
			err := d.Finish(t.Context())
			if (policy == cache.ConflictFail) != errors.Is(err, cache.ErrConflict) || policy != cache.ConflictFail && err != nil {
				t.Errorf("error: %v", err)
			}
			if policy == cache.ConflictOverwrite {
				wantContent(t, r, "/old", "mine")
				return
			}
			wantContent(t, r, "/old", "what another wrote")
			found := false
			r.mu.Lock()
			for name, data := range r.files {
				found = found || strings.HasPrefix(name, "/old.conflict-") && string(data) == "mine"
			}
			r.mu.Unlock()
			if !found {
				t.Errorf("what was written is not beside it: %q", r.took())
			}
		})
	}
}

// What the server can not take now is told to the writer, and goes there later.
func TestTemporaryFailureIsTriedAgain(t *testing.T) {
	r, c := writing(t, cache.Config{})
	down := true
	r.refuse = func(verb, _ string) error {
		if down && verb == "STOR" {
			return &ftpconn.Error{Op: "STOR", Code: 452, Kind: ftpconn.ErrNoSpace}
		}
		return nil
	}
	if err := put(t, c, "/new", "text"); !errors.Is(err, ftpconn.ErrNoSpace) {
		t.Errorf("error: %v", err)
	}
	if diff := cmp.Diff([]string{"/new"}, c.Pending()); diff != "" {
		t.Error(diff)
	}
	if f := c.Opened("/new"); f == nil {
		t.Error("what is pending can not be read")
	} else {
		if got, err := f.Read(t.Context(), 0, 10); err != nil || string(got) != "text" {
			t.Errorf("%q, %v", got, err)
		}
		f.Close()
	}
	r.mu.Lock()
	down = false
	r.mu.Unlock()
	c.Hurry()
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantContent(t, r, "/new", "text")
}

func session(t *testing.T, dir string) *journal.Session {
	t.Helper()
	store, err := journal.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Begin("ftp://host/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func private(t *testing.T) string {
	t.Helper()
	dir := path.Join(t.TempDir(), "staging")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRefusedForGoodIsNotLost(t *testing.T) {
	dir := private(t)
	r, c := writing(t, cache.Config{Session: session(t, dir)})
	r.refuse = func(verb, _ string) error {
		if verb == "STOR" {
			return &ftpconn.Error{Op: "STOR", Code: 550, Msg: "no", Kind: fs.ErrPermission}
		}
		return nil
	}
	if err := put(t, c, "/new", "text"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error: %v", err)
	}
	eventually(t, "it is in lost+found", func() bool {
		all, err := journal.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(all) == 1 && all[0].Lost && all[0].Path == "/new"
	})
	if len(c.Pending()) != 0 {
		t.Errorf("pending: %q", c.Pending())
	}
}

// A mount that is killed leaves what it could not send to the next one.
func TestNextMountSendsTheRest(t *testing.T) {
	dir := private(t)
	r, c := writing(t, cache.Config{Session: session(t, dir), WriteBack: true})
	r.refuse = func(string, string) error { return ftpconn.ErrUnreachable }
	if err := put(t, c, "/new", "text"); err != nil {
		t.Fatal(err)
	}
	d := edit(t, c, "/old")
	if err := d.Write(t.Context(), []byte("NEW"), 0, false); err != nil {
		t.Fatal(err)
	}
	if err := d.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.refuse = nil
	r.mu.Unlock()
	next := after(t, r, dir, 2)
	if err := next.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantContent(t, r, "/new", "text")
	wantContent(t, r, "/old", "NEW content")
}

// after is the next mount after one that was killed: it finds so many files.
func after(t *testing.T, r *remote, dir string, files int) *cache.Cache {
	t.Helper()
	c, _ := afterIn(t, r, dir, files)
	return c
}

// afterIn returns the staging directory too.
func afterIn(t *testing.T, r *remote, dir string, files int) (c *cache.Cache, copied string) {
	t.Helper()
	// The lock of the session goes with the process; a copy has none.
	copied = path.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(copied, 0o700); err != nil {
		t.Fatal(err)
	}
	next := newCache(t, r, cache.Config{Session: session(t, copied)})
	if n, err := next.Recover(); n != files || err != nil {
		t.Fatalf("%d files, %v", n, err)
	}
	return next, copied
}

func TestWriteBackReturnsAtOnce(t *testing.T) {
	r, c := writing(t, cache.Config{Session: session(t, private(t)), WriteBack: true})
	gate := make(chan struct{})
	r.cutUpload = func(string, int) error { <-gate; return nil }
	if err := put(t, c, "/new", "text"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/new"}, c.Pending()); diff != "" {
		t.Error(diff)
	}
	close(gate)
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantContent(t, r, "/new", "text")
}

// A large file that is written in order is sent meanwhile.
func TestLargeFilesStream(t *testing.T) {
	r, c := writing(t, cache.Config{})
	r.room = 8
	data := content(9 << 20)
	d, err := c.Create(t.Context(), "/large", 0o644, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for off := 0; off < len(data); off += 1 << 18 {
		if err := d.Write(t.Context(), data[off:min(len(data), off+1<<18)], int64(off), false); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it is under way before it is closed", func() bool { return c.Sending() })
	if _, ok := r.content("/large"); ok {
		t.Error("half a file has its name")
	}
	if err := d.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := r.content("/large"); got != string(data) {
		t.Error("other content")
	}
	wantOps(t, r, "STOR /TEMP", "RNTO /large")
}

func TestStreamThatIsWrittenAgain(t *testing.T) {
	r, c := writing(t, cache.Config{})
	r.room = 8
	data := content(3 << 20)
	d, err := c.Create(t.Context(), "/large", 0o644, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Write(t.Context(), data, 0, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is under way", func() bool { return c.Sending() })
	copy(data, "another header")
	if err := d.Write(t.Context(), data[:100], 0, false); err != nil {
		t.Fatal(err)
	}
	if err := d.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := r.content("/large"); got != string(data) {
		t.Error("other content")
	}
}

func TestRenameOfAnUnsentFile(t *testing.T) {
	r, c := writing(t, cache.Config{})
	d, err := c.Create(t.Context(), "/.old.tmp", 0o600, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Write(t.Context(), []byte("better"), 0, false); err != nil {
		t.Fatal(err)
	}
	if err := c.Rename(t.Context(), "/.old.tmp", "/old", false); err != nil {
		t.Fatal(err)
	}
	wantOps(t, r)
	if err := d.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantOps(t, r, "STOR /TEMP", "RNTO /old")
	wantContent(t, r, "/old", "better")
}

// Changes are seen at once, and cost no listing.
func TestChangesAreWrittenIntoListings(t *testing.T) {
	r, c := writing(t, cache.Config{})
	ctx := t.Context()
	names := func(dir string) (all []string) {
		d, err := c.Dir(ctx, dir)
		if err != nil {
			t.Fatal(err)
		}
		for i := range d.Len() {
			all = append(all, d.At(i).Name)
		}
		return all
	}
	if _, err := c.Mkdir(ctx, "/d", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := put(t, c, "/d/f", "x"); err != nil {
		t.Fatal(err)
	}
	if err := c.Rename(ctx, "/d", "/e", false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"old", "e"}, names("/")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"f"}, names("/e")); diff != "" {
		t.Error(diff)
	}
	if err := c.Rmdir(ctx, "/e"); !errors.Is(err, ftpconn.ErrNotEmpty) {
		t.Errorf("rmdir: %v", err)
	}
	if err := c.Remove(ctx, "/e/f"); err != nil {
		t.Fatal(err)
	}
	if err := c.Rmdir(ctx, "/e"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Lookup(ctx, "/", "e"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after rmdir: %v", err)
	}
	if diff := cmp.Diff([]string{"old"}, names("/")); diff != "" {
		t.Error(diff)
	}
	if n := r.count("/"); n != 1 {
		t.Errorf("%d listings of /", n)
	}
}

// A listing that was asked for before a change may come after it.
func TestChangeDuringAListing(t *testing.T) {
	r := newRemote()
	r.mkdir("/")
	r.write("/old", []byte("old content"))
	gate := make(chan struct{})
	r.gate = gate
	c := newCache(t, r, cache.Config{})
	type answer struct {
		d   *cache.Dir
		err error
	}
	done := make(chan answer)
	go func() {
		d, err := c.Dir(context.Background(), "/")
		done <- answer{d, err}
	}()
	eventually(t, "the listing is under way", func() bool { return r.count("/") == 1 })
	if err := c.Remove(t.Context(), "/old"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Mkdir(t.Context(), "/new", 0o755); err != nil {
		t.Fatal(err)
	}
	close(gate)
	a := <-done
	if a.err != nil {
		t.Fatal(a.err)
	}
	if _, ok := a.d.Lookup("old"); ok {
		t.Error("what was removed is back")
	}
	if _, ok := a.d.Lookup("new"); !ok {
		t.Error("what was made is not there")
	}
}

// Two contents of one second and one size are two contents.
func TestSameVersionOtherContent(t *testing.T) {
	now := time.Unix(2e9, 0)
	r, c := writing(t, cache.Config{Now: func() time.Time { return now }})
	for _, text := range []string{"first", "other"} {
		if err := put(t, c, "/f", text); err != nil {
			t.Fatal(err)
		}
		e, err := c.Lookup(t.Context(), "/", "f")
		if err != nil {
			t.Fatal(err)
		}
		f, err := c.Open(t.Context(), "/f", e)
		if err != nil {
			t.Fatal(err)
		}
		pieces, err := f.Read(t.Context(), 0, 100)
		if err != nil || !bytes.Equal(bytes.Join(pieces, nil), []byte(text)) {
			t.Errorf("%q, %v", pieces, err)
		}
		_ = f.Close()
	}
	if r.retrs != 0 {
		t.Errorf("%d transfers for what was just written", r.retrs)
	}
}

func TestRemovedFileGoesOn(t *testing.T) {
	r, c := writing(t, cache.Config{})
	d := edit(t, c, "/old")
	defer d.Close()
	if err := c.Remove(t.Context(), "/old"); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Read(t.Context(), 0, 100); err != nil || string(got) != "old content" {
		t.Errorf("%q, %v", got, err)
	}
	if err := d.Write(t.Context(), []byte("x"), 0, false); err != nil {
		t.Fatal(err)
	}
	if err := d.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantOps(t, r, "DELE /old")
}

// A mount that is killed while it sends a small new file may leave a part of it
// under its name.
func TestPartOfANewFileIsRemoved(t *testing.T) {
	dir := private(t)
	r, c := writing(t, cache.Config{Session: session(t, dir), Now: time.Now})
	r.mtime = time.Now()
	block := make(chan struct{})
	reached := make(chan struct{})
	r.cutUpload = func(name string, _ int) error {
		if name == "/part" {
			close(reached)
			<-block
		}
		return nil
	}
	done := make(chan error)
	go func() { done <- put(t, c, "/part", "some text") }()
	<-reached
	copied := path.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(copied, 0o700); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.cutUpload = nil
	r.mu.Unlock()
	close(block)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r.put("/part", []byte("some")) // as if it had been killed
	next := newCache(t, r, cache.Config{Session: session(t, copied)})
	if _, err := next.Recover(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the part is removed", func() bool { _, ok := r.content("/part"); return !ok })
}
