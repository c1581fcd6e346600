package cache_test

import (
	"errors"
	"testing"
	"time"

	"ftpfs/cache"
	"ftpfs/ftpconn"
)

func (r *remote) noTimes() {
	r.untimed = true
	r.refuse = func(verb, _ string) error {
		if verb == "MFMT" {
			return refusal("MFMT", ftpconn.ErrNotSupported)
		}
		return nil
	}
}

func wantTime(t *testing.T, c *cache.Cache, dir, name string, want time.Time) {
	t.Helper()
	e, err := c.Lookup(t.Context(), dir, name)
	if err != nil || !e.ModTime.Equal(want) {
		t.Errorf("%s: the time is %v (%v), want %v", name, e.ModTime, err, want)
	}
}

func TestTimesThatTheServerDoesNotSet(t *testing.T) {
	now := new(clock)
	r, c := writing(t, cache.Config{Now: now.now})
	ctx := t.Context()
	r.mkdir("/d")
	c.Forget("/old")
	r.noTimes()
	some, other := time.Unix(1.1e9, 0), time.Unix(1.2e9, 0)
	for _, name := range []string{"/old", "/d"} {
		if err := c.SetTime(ctx, name, some); err != nil {
			t.Fatal(err)
		}
	}
	now.add(time.Hour) // the listings are made anew
	wantTime(t, c, "/", "old", some)
	wantTime(t, c, "/", "d", some)
	d, err := c.Dir(ctx, "/")
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := c.Current("/", d, "old"); !ok || !e.ModTime.Equal(some) {
		t.Errorf("in the listing: %v", e.ModTime)
	}

	// It goes with a rename, and does not stay behind.
	if err := c.Rename(ctx, "/old", "/d/moved", false); err != nil {
		t.Fatal(err)
	}
	wantTime(t, c, "/d", "moved", some)
	if err := c.Rename(ctx, "/d", "/e", false); err != nil {
		t.Fatal(err)
	}
	wantTime(t, c, "/e", "moved", some)
	wantTime(t, c, "/", "e", some)

	// One that is given before the content is sent.
	f, err := c.Create(ctx, "/new", 0o644, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(ctx, []byte("x"), 0, false); err != nil {
		t.Fatal(err)
	}
	if err := c.SetTime(ctx, "/new", other); err != nil {
		t.Fatal(err)
	}
	wantTime(t, c, "/", "new", other)
	if err := f.Finish(ctx); err != nil {
		t.Fatal(err)
	}
	f.Close()
	wantTime(t, c, "/", "new", other)

	// What is written later has the server's time again.
	if err := put(t, c, "/new", "y"); err != nil {
		t.Fatal(err)
	}
	wantTime(t, c, "/", "new", r.mtime)
}

// A kept time is no change of somebody else.
func TestFileWithAKeptTimeIsWritten(t *testing.T) {
	now := new(clock)
	r, c := writing(t, cache.Config{Now: now.now})
	r.noTimes()
	if err := c.SetTime(t.Context(), "/old", time.Unix(1.1e9, 0)); err != nil {
		t.Fatal(err)
	}
	now.add(time.Hour)
	e, err := c.Lookup(t.Context(), "/", "old")
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.Open(t.Context(), "/old", e)
	if err != nil {
		t.Fatal(err)
	}
	now.add(time.Hour) // it is compared with the server's
	if got, err := f.Read(t.Context(), 0, 100); err != nil || string(got[0]) != "old content" {
		t.Errorf("%q, %v", got, err)
	}
	_ = f.Close()
	d := edit(t, c, "/old")
	defer d.Close()
	if err := c.SetTime(t.Context(), "/old", time.Unix(1.3e9, 0)); err != nil {
		t.Fatal(err)
	}
	wantTime(t, c, "/", "old", time.Unix(1.3e9, 0))
	if err := d.Write(t.Context(), []byte("NEW"), 0, false); err != nil {
		t.Fatal(err)
	}
	wantTime(t, c, "/", "old", now.now())
	if err := d.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantContent(t, r, "/old", "NEW content")
	wantTime(t, c, "/", "old", r.mtime)
}

// A name that is used again does not get the time of what had it before.
func TestKeptTimesEndWithTheirFiles(t *testing.T) {
	now := new(clock)
	r, c := writing(t, cache.Config{Now: now.now})
	ctx := t.Context()
	r.noTimes()
	r.write("/other", []byte("x"))
	r.mkdir("/d")
	c.Forget("/old")
	for _, name := range []string{"/old", "/d"} {
		if err := c.SetTime(ctx, name, time.Unix(1.1e9, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Rename(ctx, "/other", "/old", false); err != nil {
		t.Fatal(err)
	}
	wantTime(t, c, "/", "old", r.mtime)
	if err := c.Rmdir(ctx, "/d"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Mkdir(ctx, "/d", 0o755); err != nil {
		t.Fatal(err)
	}
	wantTime(t, c, "/", "d", now.now())
}

// What may pass is an error.
func TestTimesThatTheServerDoesNotSetNow(t *testing.T) {
	r, c := writing(t, cache.Config{})
	r.refuse = func(string, string) error { return ftpconn.ErrUnreachable }
	if err := c.SetTime(t.Context(), "/old", time.Unix(1.1e9, 0)); !errors.Is(err, ftpconn.ErrUnreachable) {
		t.Errorf("error: %v", err)
	}
	wantTime(t, c, "/", "old", r.mtime)
}

func TestModesThatTheServerDoesNotSet(t *testing.T) {
	r, c := writing(t, cache.Config{})
	ctx := t.Context()
	if err := c.SetMode(ctx, "/old", 0o600); err != nil {
		t.Fatal(err)
	}
	wantOps(t, r, "CHMOD /old")
	// The new file gets the mode of the one that it replaces.
	if err := put(t, c, "/old", "new"); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	e, _ := r.entryLocked("/old")
	r.unmoded = true
	r.refuse = func(verb, _ string) error {
		if verb == "CHMOD" {
			return refusal("CHMOD", ftpconn.ErrNotSupported)
		}
		return nil
	}
	r.mu.Unlock()
	if !e.HasMode || e.Mode != 0o600 {
		t.Errorf("mode on the server: %o", e.Mode)
	}
	r.took()
	if err := c.SetMode(ctx, "/old", 0o600); err != nil { // it is what is shown
		t.Errorf("error: %v", err)
	}
	wantOps(t, r)
	if err := c.SetMode(ctx, "/old", 0o640); !errors.Is(err, ftpconn.ErrNotSupported) {
		t.Errorf("error: %v", err)
	}
	// One that is given before the content is sent is no error.
	d, err := c.Create(ctx, "/new", 0o600, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := c.SetMode(ctx, "/new", 0o640); err != nil {
		t.Fatal(err)
	}
	if e, err := c.Lookup(ctx, "/", "new"); err != nil || e.Mode != 0o640 {
		t.Errorf("mode %o, %v", e.Mode, err)
	}
	if err := d.Finish(ctx); err != nil {
		t.Fatal(err)
	}
	if e, err := c.Lookup(ctx, "/", "new"); err != nil || e.HasMode {
		t.Errorf("a mode that the server has not set is shown: %o, %v", e.Mode, err)
	}
}
