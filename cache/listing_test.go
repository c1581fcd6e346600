package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ftpfs/cache"
	"ftpfs/ftpconn"
)

// clock is a time that tests move.
type clock struct{ ns atomic.Int64 }

func (c *clock) now() time.Time      { return time.Unix(2e9, c.ns.Load()) }
func (c *clock) add(d time.Duration) { c.ns.Add(int64(d)) }

func TestListingIsKeptForItsTime(t *testing.T) {
	r := newRemote()
	r.write("/f", nil)
	now := new(clock)
	changed := make(chan string, 10)
	c := newCache(t, r, cache.Config{Now: now.now, Changed: func(dir string) { changed <- dir }})
	first, err := c.Dir(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	now.add(29 * time.Second)
	if d, err := c.Dir(t.Context(), "/"); err != nil || d != first || r.count("/") != 1 {
		t.Fatalf("asked %d times, %v", r.count("/"), err)
	}
	now.add(2 * time.Second)
	if d, err := c.Dir(t.Context(), "/"); err != nil || d != first || r.count("/") != 2 {
		t.Fatalf("the same listing became another one; asked %d times, %v", r.count("/"), err)
	}
	r.write("/g", nil)
	now.add(31 * time.Second)
	d, err := c.Dir(t.Context(), "/")
	if err != nil || d == first || d.Len() != 2 {
		t.Fatalf("the new file is not seen: %v", err)
	}
	if dir := <-changed; dir != "/" {
		t.Errorf("changed: %q", dir)
	}
}

func TestLookupsAskNothing(t *testing.T) {
	r := newRemote()
	for i := range 1000 {
		r.write(fmt.Sprintf("/f%d", i), nil)
	}
	c := newCache(t, r, cache.Config{})
	for i := range 1000 {
		if _, err := c.Lookup(t.Context(), "/", fmt.Sprintf("f%d", i)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Lookup(t.Context(), "/", fmt.Sprintf("no%d", i)); !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if r.count("/") != 1 || r.stats != 0 {
		t.Errorf("%d listings, %d stats", r.count("/"), r.stats)
	}
}

// A listing that is not complete is never a reason to say that a file does
// not exist.
func TestIncompleteListingAsksForNames(t *testing.T) {
	r := newRemote()
	r.write("/f", nil)
	r.dirs["/"].Complete = false
	r.files["/hidden"] = []byte("x")
	c := newCache(t, r, cache.Config{})
	for range 3 {
		if e, err := c.Lookup(t.Context(), "/", "hidden"); err != nil || e.Size != 1 {
			t.Errorf("%+v, %v", e, err)
		}
		if _, err := c.Lookup(t.Context(), "/", "nothing"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v", err)
		}
	}
	if r.stats != 2 {
		t.Errorf("%d stats", r.stats)
	}
}

func TestFailedListingIsNeitherAbsenceNorKept(t *testing.T) {
	r := newRemote()
	r.write("/f", nil)
	c := newCache(t, r, cache.Config{})
	r.err = ftpconn.ErrShort
	if _, err := c.Lookup(t.Context(), "/", "f"); !errors.Is(err, ftpconn.ErrShort) {
		t.Errorf("%v", err)
	}
	r.err = nil
	if _, err := c.Lookup(t.Context(), "/", "f"); err != nil {
		t.Errorf("%v", err)
	}
}

// Many who want the same directory make one request; one who leaves does not
// end it for the others.
func TestListingIsLoadedOnce(t *testing.T) {
	r := newRemote()
	r.write("/f", nil)
	r.gate = make(chan struct{})
	c := newCache(t, r, cache.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := c.Dir(ctx, "/")
		left <- err
	}()
	for r.count("/") == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if d, err := c.Dir(t.Context(), "/"); err != nil || d.Len() != 1 {
				t.Errorf("%v", err)
			}
		})
	}
	close(r.gate)
	wg.Wait()
	if r.count("/") != 1 {
		t.Errorf("%d requests", r.count("/"))
	}
}

func TestListingsAreBounded(t *testing.T) {
	r := newRemote()
	for d := range 10 {
		for f := range 100 {
			r.write(fmt.Sprintf("/d%d/f%d", d, f), nil)
		}
	}
	c := newCache(t, r, cache.Config{MaxEntries: 500})
	for range 2 {
		for d := range 10 {
			if _, err := c.Dir(t.Context(), fmt.Sprintf("/d%d", d)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := r.count("/d0"); n != 2 {
		t.Errorf("the oldest listing was asked for %d times, want 2", n)
	}
}

// A walk is listed ahead, every directory once.
func TestWalkIsListedAhead(t *testing.T) {
	r := newRemote()
	r.mkdir("/")
	for i := range 20 {
		r.mkdir(fmt.Sprintf("/d%d", i))
		for j := range 5 {
			r.mkdir(fmt.Sprintf("/d%d/e%d", i, j))
		}
	}
	c := newCache(t, r, cache.Config{Connections: 8})
	var visit func(dir string)
	visit = func(dir string) {
		d, err := c.Dir(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		for i := range d.Len() {
			visit(dirJoin(dir, d.At(i).Name))
		}
	}
	visit("/")
	for dir, n := range r.lists {
		if n != 1 {
			t.Errorf("%s was listed %d times", dir, n)
		}
	}
	if len(r.lists) != 121 {
		t.Errorf("%d directories were listed", len(r.lists))
	}
}

// One ls is no walk.
func TestSingleListingIsNotSpeculatedOn(t *testing.T) {
	r := newRemote()
	for i := range 20 {
		r.mkdir(fmt.Sprintf("/a/d%d", i))
	}
	c := newCache(t, r, cache.Config{})
	if _, err := c.Dir(t.Context(), "/a"); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if len(r.lists) != 1 {
		t.Errorf("%d directories were listed", len(r.lists))
	}
}

func dirJoin(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}
