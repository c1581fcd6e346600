package cache_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"ftpfs/cache"
	"ftpfs/ftpconn"
)

// Small reads here and there bring little more than what was asked for, once.
func TestRandomReadsAreSmall(t *testing.T) {
	const size = 8<<20 + 100
	r := newRemote()
	r.write("/f", content(size))
	c := newCache(t, r, cache.Config{})
	f := open(t, c, "/f")
	rng := rand.New(rand.NewPCG(1, 2))
	var offsets []int64
	for range 20 {
		offsets = append(offsets, 2<<20+rng.Int64N(size-2<<20))
	}
	offsets = append(offsets, size-100, size-5000, 5<<20-10)
	for pass := range 2 {
		for _, off := range offsets {
			pieces, err := f.Read(t.Context(), off, 4096)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := bytes.Join(pieces, nil), r.files["/f"][off:min(off+4096, size)]; !bytes.Equal(got, want) {
				t.Fatalf("pass %d, offset %d: %d bytes of %d, or wrong ones", pass, off, len(got), len(want))
			}
			if _, err := f.Read(t.Context(), 0, 1); err != nil { // so that no two are near each other
				t.Fatal(err)
			}
		}
	}
	if limit := int64(len(offsets)+2)*24<<10 + 1<<20; r.sent > limit {
		t.Errorf("%d bytes were sent, want %d at most", r.sent, limit)
	}
}

// A transfer that breaks is not seen.
func TestRandomReadsSurviveBreaks(t *testing.T) {
	r := newRemote()
	r.write("/f", content(4<<20))
	var mu sync.Mutex
	broken := false
	r.faulty = func(string, int64) error {
		mu.Lock()
		defer mu.Unlock()
		if broken = !broken; broken {
			return fmt.Errorf("cut: %w", ftpconn.ErrShort)
		}
		return nil
	}
	c := newCache(t, r, cache.Config{})
	f := open(t, c, "/f")
	for off := int64(3 << 20); off > 0; off -= 1100 << 10 {
		pieces, err := f.Read(t.Context(), off, 4096)
		if err != nil || !bytes.Equal(bytes.Join(pieces, nil), r.files["/f"][off:off+4096]) {
			t.Fatalf("%d: %v", off, err)
		}
	}
}

// Who reads when the cache is closed gets an error, and no one waits for ever.
func TestRandomReadAfterClose(t *testing.T) {
	r := newRemote()
	r.write("/f", content(4<<20))
	c := newCache(t, r, cache.Config{})
	f := open(t, c, "/f")
	_ = c.Close()
	if _, err := f.Read(t.Context(), 2<<20, 4096); !errors.Is(err, ftpconn.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
