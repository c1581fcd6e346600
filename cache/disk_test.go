package cache_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"ftpfs/cache"
	"ftpfs/cache/disk"
)

// readWith reads all of /f in order, and some pages of /g out of order, with
// a new cache over a directory. It returns how many transfers that took.
func readWith(t *testing.T, r *remote, dir, origin string) int {
	t.Helper()
	store, err := disk.Open(dir, 1<<30, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c := cache.New(r, cache.Config{Disk: store, Origin: origin})
	defer func() { _ = c.Close() }()
	before := r.retrs
	f := open(t, c, "/f")
	if got, err := readAll(f); err != nil || !bytes.Equal(got, r.files["/f"]) {
		t.Errorf("/f: %d bytes, %v", len(got), err)
	}
	_ = f.Close()
	g := open(t, c, "/g")
	for _, off := range []int64{900_000, 300_000, 1_500_000} {
		pieces, err := g.Read(context.Background(), off, 4096)
		if err != nil || !bytes.Equal(bytes.Join(pieces, nil), r.files["/g"][off:off+4096]) {
			t.Errorf("/g at %d: %v", off, err)
		}
	}
	_ = g.Close()
	return r.retrs - before
}

// What was read is not read again by the next mount, unless it has changed or
// is another server's.
func TestDiskOutlivesTheCache(t *testing.T) {
	r, dir := newRemote(), t.TempDir()
	r.write("/f", content(3_000_000))
	r.write("/g", content(2_000_000))
	if n := readWith(t, r, dir, "a"); n == 0 {
		t.Error("nothing was read from the server")
	}
	if n := readWith(t, r, dir, "a"); n != 0 {
		t.Errorf("%d transfers for what is on disk", n)
	}
	if n := readWith(t, r, dir, "b"); n == 0 {
		t.Error("another server's content was taken")
	}
	r.mtime = r.mtime.Add(time.Second)
	r.write("/f", content(3_000_001)[1:])
	if n := readWith(t, r, dir, "a"); n != 1 {
		t.Errorf("%d transfers for one changed file", n)
	}
}

// A file that was changed just now may change once more within its time stamp:
// it is not kept.
func TestFreshFilesAreNotKeptOnDisk(t *testing.T) {
	r, dir := newRemote(), t.TempDir()
	r.mtime = time.Now()
	r.write("/f", content(300_000))
	r.write("/g", content(2_000_000))
	readWith(t, r, dir, "a")
	r.write("/f", bytes.Repeat([]byte("x"), 300_000)) // same size, same time
	if n := readWith(t, r, dir, "a"); n == 0 {
		t.Error("nothing was read from the server")
	}
}
