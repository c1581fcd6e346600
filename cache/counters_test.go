package cache_test

import (
	"fmt"
	"testing"

	"ftpfs/cache"
)

// What was done ahead of need is counted, and what of it was of use.
func TestCounters(t *testing.T) {
	r := smallFiles(10, 20)
	c := newCache(t, r, cache.Config{})
	list := func(dir string) {
		if _, err := c.Dir(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	list("/")
	list("/d0")
	eventually(t, "the other directories are listed ahead", func() bool { return c.Counters().ListingsAhead == 9 })
	for d := range 10 {
		list(fmt.Sprintf("/d%d", d))
	}
	n := c.Counters()
	if n.Listings != 2 || n.ListingsAheadUsed != 9 {
		t.Errorf("listings of 11 directories: %+v", n)
	}
	copyTree(t, c, r, 10, 20)
	n = c.Counters()
	if n.FilesAhead == 0 || n.FilesAheadUsed == 0 || n.FilesAheadUsed > n.FilesAhead || n.FilesAhead > 200 {
		t.Errorf("files: %+v", n)
	}
	var size int64
	for d := range 10 {
		for f := range 20 {
			size += int64(len(r.files[fmt.Sprintf("/d%d/f%d", d, f)]))
		}
	}
	if n.Bytes != size || n.BytesFromDisk != 0 {
		t.Errorf("%d bytes, %d from disk, of %d", n.Bytes, n.BytesFromDisk, size)
	}
}
