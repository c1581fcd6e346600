package cache_test

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"testing"
	"time"

	"ftpfs/cache"
	"ftpfs/ftpconn/listing"

	"pgregory.net/rapid"
)

// What is listed is what the server has, whatever this mount changes meanwhile,
// and whether a listing under way was made before that or after.
func TestListingsWithChangesAreTheServers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		r := newRemote()
		r.mkdir("/")
		r.mkdir("/d")
		now := new(clock)
		c := cache.New(r, cache.Config{Now: now.now, Prefetch: cache.PrefetchOff})
		defer func() { _ = c.Close() }()
		names := []string{"a", "b", "c", "e"}
		full := func() string {
			return path.Join(rapid.SampledFrom([]string{"/", "/d"}).Draw(t, "dir"), rapid.SampledFrom(names).Draw(t, "name"))
		}
		type answer struct {
			d   *cache.Dir
			err error
		}
		var listed chan answer // a listing is under way
		var gate chan struct{}
		var listingOf string
		want := func(t *rapid.T, dir string, d *cache.Dir) {
			var got []string
			for i := range d.Len() {
				got = append(got, d.At(i).Name)
			}
			slices.Sort(got)
			if have := r.names(dir); !slices.Equal(got, have) {
				t.Fatalf("%s: listed %q, on the server %q", dir, got, have)
			}
		}
		finish := func(t *rapid.T) {
			if listed == nil {
				return
			}
			r.mu.Lock()
			r.gate = nil
			r.mu.Unlock()
			close(gate)
			a := <-listed
			listed = nil
			if a.err != nil {
				t.Fatal(a.err)
			}
			want(t, listingOf, a.d)
		}
		defer finish(t)
		allowed := func(err error) {
			if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
				t.Fatal(err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"mkdir": func(t *rapid.T) {
				name := full()
				r.mu.Lock()
				_, there := r.entryLocked(name)
				r.mu.Unlock()
				if !there {
					_, err := c.Mkdir(ctx, name, 0o755)
					allowed(err)
				}
			},
			"remove": func(t *rapid.T) {
				name := full()
				r.mu.Lock()
				_, dir := r.dirs[name]
				_, there := r.entryLocked(name)
				r.mu.Unlock()
				switch {
				case dir:
					allowed(c.Rmdir(ctx, name))
				case there:
					allowed(c.Remove(ctx, name))
				}
			},
			"put": func(t *rapid.T) { // it asks for listings
				finish(t)
				name := full()
				if e, err := c.Lookup(ctx, path.Dir(name), path.Base(name)); err == nil && e.Type == listing.Dir {
					return
				}
				d, err := c.Create(ctx, name, 0o644, false)
				if err != nil {
					t.Fatal(err)
				}
				if err := d.Write(ctx, []byte("x"), d.Size(), false); err != nil {
					t.Fatal(err)
				}
				if err := d.Finish(ctx); err != nil {
					t.Fatal(err)
				}
				d.Close()
			},
			"rename": func(t *rapid.T) {
				finish(t)
				from, to := full(), full()
				r.mu.Lock()
				_, there := r.entryLocked(to)
				r.mu.Unlock()
				if !there {
					allowed(c.Rename(ctx, from, to, false))
				}
			},
			"list": func(t *rapid.T) {
				finish(t)
				now.add(time.Minute)
				gate, listingOf = make(chan struct{}), rapid.SampledFrom([]string{"/", "/d"}).Draw(t, "listing")
				r.mu.Lock()
				r.gate, r.lateRead = gate, rapid.Bool().Draw(t, "late")
				before := r.lists[listingOf]
				r.mu.Unlock()
				done := make(chan answer, 1)
				listed = done
				go func() {
					d, err := c.Dir(ctx, listingOf)
					done <- answer{d, err}
				}()
				for r.count(listingOf) == before {
					time.Sleep(50 * time.Microsecond)
				}
			},
			"finish": finish,
			"": func(t *rapid.T) {
				if listed != nil {
					return
				}
				for _, dir := range []string{"/", "/d"} {
					d, err := c.Dir(ctx, dir)
					if err != nil {
						t.Fatal(err)
					}
					want(t, dir, d)
					for _, name := range names {
						_, listed := d.Lookup(name)
						if _, err := c.Lookup(ctx, dir, name); (err == nil) != listed {
							t.Fatalf("%s in %s: %v, and listed: %v", name, dir, err, listed)
						}
					}
				}
			},
		})
	})
}
