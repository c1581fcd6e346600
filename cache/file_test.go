package cache_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"ftpfs/cache"
	"ftpfs/ftpconn"

	"pgregory.net/rapid"
)

func open(t testing.TB, c *cache.Cache, name string) *cache.File {
	t.Helper()
	e, err := c.Lookup(context.Background(), "/", name[1:])
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.Open(context.Background(), name, e)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// readAll reads as the kernel does: requests of 128 KiB.
func readAll(f *cache.File) ([]byte, error) {
	var all []byte
	for {
		pieces, err := f.Read(context.Background(), int64(len(all)), 128<<10)
		if err != nil {
			return all, err
		}
		n := len(all)
		for _, p := range pieces {
			all = append(all, p...)
		}
		if len(all) == n {
			return all, nil
		}
	}
}

// Any reads, in any order, through any handle, with a server that makes
// transfers give way and breaks them, give the file's bytes.
func TestReadsGiveTheFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRemote()
		data := content(rapid.SampledFrom([]int{0, 1, 4096, 128 << 10, 128<<10 + 1, 3_000_000}).Draw(t, "size"))
		r.write("/f", data)
		faults := rapid.IntRange(0, 2).Draw(t, "faults")
		var seed [32]byte
		rng := rand.New(rand.NewChaCha8(seed))
		r.faulty = func(string, int64) error { // called without r.mu, by several transfers
			r.mu.Lock()
			defer r.mu.Unlock()
			switch n := rng.IntN(20); {
			case faults > 0 && n == 0:
				return ftpconn.ErrPreempted
			case faults > 1 && n == 1:
				return ftpconn.ErrShort
			}
			return nil
		}
		cfg := cache.Config{Size: rapid.SampledFrom([]int64{1, 256 << 10, 256 << 20}).Draw(t, "budget")}
		c := cache.New(r, cfg)
		defer func() { _ = c.Close() }()
		e, err := c.Lookup(context.Background(), "/", "f")
		if err != nil {
			t.Fatal(err)
		}
		var files []*cache.File
		for range 3 {
			f, err := c.Open(context.Background(), "/f", e)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		t.Repeat(map[string]func(*rapid.T){
			"read": func(t *rapid.T) {
				f := rapid.SampledFrom(files).Draw(t, "file")
				off := rapid.Int64Range(0, int64(len(data))+10).Draw(t, "off")
				n := rapid.SampledFrom([]int{1, 4096, 128 << 10, 1 << 20}).Draw(t, "n")
				pieces, err := f.Read(context.Background(), off, n)
				if err != nil {
					t.Fatal(err)
				}
				want := data[min(off, int64(len(data))):min(off+int64(n), int64(len(data)))]
				if got := bytes.Join(pieces, nil); !bytes.Equal(got, want) {
					t.Fatalf("%d bytes at %d: got %d, want %d", n, off, len(got), len(want))
				}
			},
		})
		for _, f := range files {
			_ = f.Close()
		}
	})
}

func TestSequentialReadersShareOneTransfer(t *testing.T) {
	r := newRemote()
	data := content(20 << 20)
	r.write("/f", data)
	c := newCache(t, r, cache.Config{})
	var wg sync.WaitGroup
	for range 4 {
		f := open(t, c, "/f")
		wg.Go(func() {
			got, err := readAll(f)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			_ = f.Close()
		})
	}
	wg.Wait()
	if r.retrs != 1 || r.sent != int64(len(data)) {
		t.Errorf("%d transfers moved %d bytes of %d", r.retrs, r.sent, len(data))
	}
}

func TestPartOfALargeFileIsNotTheWhole(t *testing.T) {
	r := newRemote()
	r.write("/f", content(64<<20))
	c := newCache(t, r, cache.Config{})
	f := open(t, c, "/f")
	for _, off := range []int64{50 << 20, 10 << 20, 33 << 20} {
		if _, err := f.Read(t.Context(), off, 4096); err != nil {
			t.Fatal(err)
		}
	}
	_ = f.Close()
	if r.sent > 3*128<<10 {
		t.Errorf("%d bytes were moved for three reads of 4 KiB", r.sent)
	}
}

func TestSecondReadAsksNothing(t *testing.T) {
	r := newRemote()
	data := content(1 << 20)
	r.write("/f", data)
	c := newCache(t, r, cache.Config{})
	for range 3 {
		f := open(t, c, "/f")
		if got, err := readAll(f); err != nil || !bytes.Equal(got, data) {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	if r.retrs != 1 || r.count("/") != 1 {
		t.Errorf("%d transfers, %d listings", r.retrs, r.count("/"))
	}
}

func TestUnknownSize(t *testing.T) {
	for _, n := range []int{0, 5, 128 << 10, 300_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := newRemote()
			data := content(n)
			r.write("/f", data)
			r.dirs["/"].Entries[0].Size = -1
			c := newCache(t, r, cache.Config{})
			f := open(t, c, "/f")
			if f.Size() != -1 {
				t.Fatal("the size is known")
			}
			got, err := readAll(f)
			if err != nil || !bytes.Equal(got, data) || f.Size() != int64(n) {
				t.Errorf("%d bytes, size %d, %v", len(got), f.Size(), err)
			}
			_ = f.Close()
		})
	}
}

// A file that changes while a transfer is broken is never a mix of both
// versions.
func TestChangedFileIsNotMixed(t *testing.T) {
	r := newRemote()
	r.write("/f", content(1<<20))
	c := newCache(t, r, cache.Config{})
	f := open(t, c, "/f")
	broken := false
	r.faulty = func(_ string, off int64) error {
		if off >= 512<<10 && !broken {
			broken = true
			r.mtime = r.mtime.Add(1e9)
			r.write("/f", content(1 << 20)[1:])
			return ftpconn.ErrShort
		}
		return nil
	}
	got, err := readAll(f)
	if !errors.Is(err, ftpconn.ErrChanged) || !bytes.HasPrefix(content(1<<20), got) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	_ = f.Close()
}

func TestShortFileIsAnError(t *testing.T) {
	r := newRemote()
	r.write("/f", content(1<<20))
	c := newCache(t, r, cache.Config{})
	f := open(t, c, "/f")
	r.files["/f"] = r.files["/f"][:500_000]
	if got, err := readAll(f); !errors.Is(err, ftpconn.ErrShort) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	_ = f.Close()
}

func BenchmarkSequential(b *testing.B) {
	r := newRemote()
	data := content(256 << 20)
	r.write("/f", data)
	c := newCache(b, r, cache.Config{Size: 64 << 20})
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		f := open(b, c, "/f")
		for off := int64(0); off < int64(len(data)); off += 128 << 10 {
			if _, err := f.Read(b.Context(), off, 128<<10); err != nil {
				b.Fatal(err)
			}
		}
		_ = f.Close()
	}
}

// The first bytes of a file do not wait for the rest of their block.
func TestFirstBytesComeFirst(t *testing.T) {
	r := newRemote()
	r.write("/f", content(1<<20))
	r.chunk = 16 << 10
	gate := make(chan struct{})
	r.faulty = func(_ string, off int64) error {
		if off >= 32<<10 {
			<-gate
		}
		return nil
	}
	c := newCache(t, r, cache.Config{})
	f := open(t, c, "/f")
	pieces, err := f.Read(t.Context(), 0, 20<<10)
	if err != nil || !bytes.Equal(bytes.Join(pieces, nil), r.files["/f"][:20<<10]) {
		t.Errorf("%d pieces, %v", len(pieces), err)
	}
	close(gate)
	got, err := readAll(f)
	if err != nil || !bytes.Equal(got, r.files["/f"]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
