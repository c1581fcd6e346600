package cache_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"ftpfs/cache"
	"ftpfs/ftpconn"
)

// A name is believed to be free for two seconds after the listing.
func TestNewFileThatAnotherMade(t *testing.T) {
	for _, policy := range []cache.OnConflict{cache.ConflictFail, cache.ConflictKeepBoth, cache.ConflictOverwrite} {
		for _, mine := range []string{"mine", string(content(100 << 10))} { // in one go, and by a temporary name
			t.Run(string(policy), func(t *testing.T) {
				now := new(clock)
				r, c := writing(t, cache.Config{OnConflict: policy, Now: now.now})
				now.add(3 * time.Second)
				r.write("/new", []byte("theirs"))
				err := put(t, c, "/new", mine)
				if (policy == cache.ConflictFail) != errors.Is(err, cache.ErrConflict) || policy != cache.ConflictFail && err != nil {
					t.Errorf("error: %v", err)
				}
				if policy == cache.ConflictOverwrite {
					wantContent(t, r, "/new", mine)
					wantNames(t, r, "/", "new", "old")
					return
				}
				wantContent(t, r, "/new", "theirs")
				beside := 0
				for _, name := range r.names("/") {
					if strings.HasPrefix(name, "new.conflict-") {
						beside++
						wantContent(t, r, "/"+name, mine)
					}
				}
				if beside != 1 {
					t.Errorf("what was written is not beside it: %q", r.names("/"))
				}
				// What the server has is seen now.
				if e, err := c.Lookup(t.Context(), "/", "new"); err != nil || e.Size != int64(len("theirs")) {
					t.Errorf("%+v, %v", e, err)
				}
			})
		}
	}
}

// O_EXCL looks at once.
func TestExclusiveCreateLooks(t *testing.T) {
	now := new(clock)
	r, c := writing(t, cache.Config{Now: now.now})
	now.add(3 * time.Second)
	r.write("/new", []byte("theirs"))
	for range 2 { // by a look, and by a listing
		if d, err := c.Create(t.Context(), "/new", 0o644, true); !errors.Is(err, fs.ErrExist) {
			d.Close()
			t.Errorf("error: %v", err)
		}
	}
	wantContent(t, r, "/new", "theirs")
	wantOps(t, r)

	// So does a rename that must not replace.
	if _, err := c.Dir(t.Context(), "/"); err != nil {
		t.Fatal(err)
	}
	now.add(3 * time.Second)
	r.write("/newer", []byte("theirs"))
	if err := c.Rename(t.Context(), "/old", "/newer", true); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error: %v", err)
	}
	wantContent(t, r, "/newer", "theirs")

	// If it can not look, it makes nothing.
	r.mu.Lock()
	r.statErr = func(string) error { return ftpconn.ErrUnreachable }
	r.mu.Unlock()
	if _, err := c.Lookup(t.Context(), "/", "old"); err != nil {
		t.Fatal(err)
	}
	now.add(3 * time.Second)
	if d, err := c.Create(t.Context(), "/newest", 0o644, true); !errors.Is(err, ftpconn.ErrUnreachable) {
		d.Close()
		t.Errorf("error: %v", err)
	}
	wantOps(t, r)
}

// A lookup before a new file is sent that fails sends nothing, and is no
// conflict.
func TestNewFileThatCanNotBeLookedFor(t *testing.T) {
	now := new(clock)
	r, c := writing(t, cache.Config{Now: now.now})
	now.add(3 * time.Second)
	r.statErr = func(string) error { return ftpconn.ErrTimeout }
	if err := put(t, c, "/new", "mine"); !errors.Is(err, ftpconn.ErrTimeout) {
		t.Errorf("error: %v", err)
	}
	wantOps(t, r)
	r.mu.Lock()
	r.statErr = nil
	r.mu.Unlock()
	flush(t, c)
	wantContent(t, r, "/new", "mine")
	wantNames(t, r, "/", "new", "old")
}
