package cache_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"ftpfs/cache"
)

// copyTree reads directories and files as cp -r does.
func copyTree(t *testing.T, c *cache.Cache, r *remote, dirs, files int) {
	t.Helper()
	for d := range dirs {
		dir, err := c.Dir(t.Context(), fmt.Sprintf("/d%d", d))
		if err != nil {
			t.Fatal(err)
		}
		for i := range files {
			e := dir.At(i)
			name := fmt.Sprintf("/d%d/%s", d, e.Name)
			f, err := c.Open(t.Context(), name, e)
			if err != nil {
				t.Fatal(err)
			}
			got, err := readAll(f)
			if err != nil || !bytes.Equal(got, r.files[name]) {
				t.Fatalf("%s: %d bytes, %v", name, len(got), err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Who pays for each byte can say so.
func TestPrefetchCanBeLimited(t *testing.T) {
	for _, test := range []struct {
		prefetch cache.Prefetch
		files    bool
		dirs     bool
	}{
		{cache.PrefetchOff, false, false},
		{cache.PrefetchMetadata, false, true},
		{cache.PrefetchAll, true, true},
	} {
		t.Run(string(test.prefetch), func(t *testing.T) {
			r := smallFiles(6, 20)
			r.delay = time.Millisecond // so that there is a time in which to be ahead
			c := newCache(t, r, cache.Config{Prefetch: test.prefetch})
			if _, err := c.Dir(t.Context(), "/"); err != nil {
				t.Fatal(err)
			}
			copyPart(t, c, 2, 10)
			_ = c.Close() // waits for what is under way
			if files := r.retrs > 20; files != test.files {
				t.Errorf("%d transfers for 20 files", r.retrs)
			}
			if dirs := len(r.lists) > 3; dirs != test.dirs {
				t.Errorf("%d listings for 3 directories", len(r.lists))
			}
		})
	}
}

// copyPart reads the first files of the first directories.
func copyPart(t *testing.T, c *cache.Cache, dirs, files int) {
	t.Helper()
	for d := range dirs {
		dir, err := c.Dir(t.Context(), fmt.Sprintf("/d%d", d))
		if err != nil {
			t.Fatal(err)
		}
		for i := range files {
			f, err := c.Open(t.Context(), fmt.Sprintf("/d%d/%s", d, dir.At(i).Name), dir.At(i))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := readAll(f); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func smallFiles(dirs, files int) *remote {
	r := newRemote()
	r.mkdir("/")
	for d := range dirs {
		r.mkdir(fmt.Sprintf("/d%d", d))
		for f := range files {
			r.write(fmt.Sprintf("/d%d/f%d", d, f), content(1000+d+f))
		}
	}
	return r
}

// A series of small files is fetched ahead, and every file once.
func TestSeriesOfSmallFilesIsFetchedAhead(t *testing.T) {
	r := smallFiles(10, 20)
	c := newCache(t, r, cache.Config{})
	copyTree(t, c, r, 1, 10)
	eventually(t, "more files are fetched than the 10 that were read", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.retrs > 10
	})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	r = smallFiles(10, 20)
	c = newCache(t, r, cache.Config{})
	copyTree(t, c, r, 10, 20)
	if r.retrs != 200 {
		t.Errorf("%d transfers for 200 files", r.retrs)
	}
}

func TestFewFilesAreNotASeries(t *testing.T) {
	r := smallFiles(1, 50)
	c := newCache(t, r, cache.Config{})
	copyTree(t, c, r, 1, 2)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if r.retrs != 2 {
		t.Errorf("%d transfers for 2 files", r.retrs)
	}
}
