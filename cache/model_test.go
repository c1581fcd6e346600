package cache_test

import (
	"bytes"
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"ftpfs/cache"
	"ftpfs/ftpconn"

	"pgregory.net/rapid"
)

type modelFile struct {
	data []byte
	gone bool // it has no name any more
}

type modelHandle struct {
	d *cache.Draft
	f *modelFile
}

// Whatever a server with passing faults is told in whatever order: reads give
// what was written, what was confirmed is there, and all is in the end.
func TestDraftsAreFiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		r := newRemote()
		r.mkdir("/")
		r.mkdir("/d")
		now := new(clock)
		inPlace := rapid.Bool().Draw(t, "in place")
		c := cache.New(r, cache.Config{Now: now.now, InPlace: inPlace, Prefetch: cache.PrefetchOff})
		defer func() { _ = c.Close() }()
		c.SetLimits(64<<10, 1<<30, 16<<20)
		r.room = rapid.SampledFrom([]int{0, 8}).Draw(t, "room")
		keeps, noAppend := rapid.Bool().Draw(t, "keeps files"), rapid.Bool().Draw(t, "no APPE")

		// Guarded by r.mu: what becomes of the next uploads, in percent that
		// arrive; and how many commands fail.
		var cuts []int
		var refused, unmoved int
		isTemp := func(name string) bool { return strings.HasPrefix(path.Base(name), ".ftpfs-") }
		r.refuse = func(verb, _ string) error {
			switch {
			case verb == "APPE" && noAppend:
				return refusal("APPE", ftpconn.ErrNotSupported)
			case (verb == "STOR" || verb == "APPE") && refused > 0:
				refused--
				return &ftpconn.Error{Op: verb, Code: 452, Kind: ftpconn.ErrNoSpace}
			}
			return nil
		}
		r.cutCommit = func(_ string, size int) (int, error) {
			if len(cuts) == 0 {
				return 0, nil
			}
			percent := cuts[0]
			cuts = cuts[1:]
			if percent < 0 {
				return -1, ftpconn.ErrShort
			}
			return size * percent / 100, ftpconn.ErrShort
		}
		r.refuseTo = func(from, to string) error {
			if isTemp(from) && !isTemp(to) && unmoved > 0 {
				unmoved--
				return ftpconn.ErrUnreachable
			}
			if _, there := r.entryLocked(to); there && keeps {
				return &ftpconn.Error{Op: "RNTO", Code: 550}
			}
			return nil
		}
		heal := func() {
			r.mu.Lock()
			cuts, refused, unmoved = nil, 0, 0
			r.mu.Unlock()
			c.Hurry()
		}

		model := map[string]*modelFile{}
		var handles []*modelHandle
		names := []string{"/a", "/b", "/d/a", "/d/b"}
		name := func(what string) string { return rapid.SampledFrom(names).Draw(t, what) }
		handle := func() *modelHandle {
			if len(handles) == 0 {
				t.Skip("nothing is open")
			}
			return handles[rapid.IntRange(0, len(handles)-1).Draw(t, "handle")]
		}
		lose := func(full string) {
			if f := model[full]; f != nil {
				f.gone = true
				delete(model, full)
			}
		}
		confirmed := func(t *rapid.T, h *modelHandle, err error) {
			if err != nil || h.f.gone {
				return
			}
			for full, f := range model {
				if f == h.f {
					if got, ok := r.content(full); !ok || got != string(f.data) {
						t.Fatalf("%s was confirmed: %d bytes on the server, %d written", full, len(got), len(f.data))
					}
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				full := name("name")
				d, err := c.Create(ctx, full, 0o644, false)
				if err != nil {
					t.Fatal(err)
				}
				if model[full] == nil {
					model[full] = &modelFile{}
				}
				handles = append(handles, &modelHandle{d, model[full]})
			},
			"write": func(t *rapid.T) {
				h := handle()
				at := len(h.f.data)
				if rapid.Bool().Draw(t, "elsewhere") {
					at = rapid.IntRange(0, at+1000).Draw(t, "offset")
				}
				n := rapid.SampledFrom([]int{1, 100, 40 << 10, 100 << 10}).Draw(t, "bytes")
				data := bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")}, n)
				// A stream may tell that there is no room.
				if err := h.d.Write(ctx, data, int64(at), at == len(h.f.data)); err != nil && !errors.Is(err, ftpconn.ErrNoSpace) {
					t.Fatal(err)
				}
				h.f.data = slices.Concat(h.f.data, make([]byte, max(0, at+n-len(h.f.data))))
				copy(h.f.data[at:], data)
			},
			"truncate": func(t *rapid.T) {
				h := handle()
				size := rapid.SampledFrom([]int{0, len(h.f.data) / 2, len(h.f.data) + 100}).Draw(t, "size")
				if err := h.d.Truncate(ctx, int64(size)); err != nil {
					t.Fatal(err)
				}
				h.f.data = slices.Concat(h.f.data[:min(size, len(h.f.data))], make([]byte, max(0, size-len(h.f.data))))
			},
			"read": func(t *rapid.T) {
				h := handle()
				got, err := h.d.Read(ctx, 0, len(h.f.data)+10)
				if err != nil || !bytes.Equal(got, h.f.data) {
					t.Fatalf("read %d bytes of %d, %v", len(got), len(h.f.data), err)
				}
			},
			"sync":   func(t *rapid.T) { h := handle(); confirmed(t, h, h.d.Sync(ctx)) },
			"finish": func(t *rapid.T) { h := handle(); confirmed(t, h, h.d.Finish(ctx)) },
			"close": func(*rapid.T) {
				h := handle()
				h.d.Close()
				handles = slices.DeleteFunc(handles, func(o *modelHandle) bool { return o == h })
			},
			"rename": func(t *rapid.T) {
				from, to := name("from"), name("to")
				if model[from] == nil || from == to {
					return
				}
				if err := c.Rename(ctx, from, to, false); err != nil {
					t.Fatal(err)
				}
				lose(to)
				model[to] = model[from]
				delete(model, from)
			},
			"remove": func(t *rapid.T) {
				full := name("name")
				if model[full] == nil {
					return
				}
				if err := c.Remove(ctx, full); err != nil {
					t.Fatal(err)
				}
				lose(full)
			},
			"fault": func(t *rapid.T) {
				r.mu.Lock()
				defer r.mu.Unlock()
				n := rapid.IntRange(1, 4).Draw(t, "times")
				switch rapid.IntRange(0, 2).Draw(t, "kind") {
				case 0:
					refused = n
				case 1:
					unmoved = 1
				case 2:
					percent := rapid.SampledFrom([]int{-1, 0, 40, 100}).Draw(t, "percent")
					cuts = slices.Repeat([]int{percent}, n)
				}
			},
			"time": func(t *rapid.T) {
				now.add(time.Duration(rapid.SampledFrom([]int{1, 5, 60}).Draw(t, "seconds")) * time.Second)
				r.mu.Lock()
				r.mtime = now.now().Truncate(time.Second)
				r.mu.Unlock()
			},
			"heal": func(*rapid.T) { heal() },
			"": func(t *rapid.T) {
				for _, full := range names {
					e, err := c.Lookup(ctx, path.Dir(full), path.Base(full))
					if f := model[full]; (f != nil) != (err == nil) || f != nil && e.Size != int64(len(f.data)) {
						t.Fatalf("%s: %d bytes, %v; is there: %v", full, e.Size, err, f != nil)
					}
				}
			},
		})
		for _, h := range handles {
			h.d.Close()
		}
		heal()
		for range 10_000 {
			if len(c.Pending()) == 0 {
				break
			}
			c.Hurry()
			time.Sleep(time.Millisecond)
		}
		for full, f := range model {
			if got, ok := r.content(full); !ok || got != string(f.data) {
				t.Fatalf("%s: %d bytes on the server (%v), %d written", full, len(got), ok, len(f.data))
			}
		}
		for _, dir := range []string{"/", "/d"} {
			for _, n := range r.names(dir) {
				if full := path.Join(dir, n); full != "/d" && model[full] == nil && !isTemp(full) {
					t.Fatalf("%s is there, and should not be", full)
				}
			}
		}
	})
}
