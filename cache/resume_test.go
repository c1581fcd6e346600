package cache_test

import (
	"errors"
	"testing"

	"ftpfs/cache"
	"ftpfs/cache/journal"
	"ftpfs/ftpconn"
)

// once breaks the first upload that has got so far.
func (r *remote) once(at int) {
	broken := false
	r.cutUpload = func(_ string, written int) error {
		if broken || written < at {
			return nil
		}
		broken = true
		return ftpconn.ErrShort
	}
}

func TestBrokenLargeUploadIsResumed(t *testing.T) {
	for _, test := range []struct {
		name string
		at   int
		no   bool // APPE is refused
		want []string
	}{
		{"much has arrived", 2 << 20, false, []string{"STOR /TEMP", "APPE /TEMP", "RNTO /large"}},
		{"little has arrived", 1 << 20, false, []string{"STOR /TEMP", "STOR /TEMP", "RNTO /large"}},
		{"no APPE", 2 << 20, true, []string{"STOR /TEMP", "APPE /TEMP", "STOR /TEMP", "RNTO /large"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, c := writing(t, cache.Config{})
			r.once(test.at)
			r.refuse = func(verb, _ string) error {
				if test.no && verb == "APPE" {
					return refusal("APPE", ftpconn.ErrNotSupported)
				}
				return nil
			}
			data := string(content(4 << 20))
			if err := put(t, c, "/large", data); err != nil {
				t.Fatal(err)
			}
			if got, _ := r.content("/large"); got != data {
				t.Error("other content")
			}
			wantSent(t, r, test.want...)
			wantNames(t, r, "/", "large", "old")
		})
	}
}

// It goes on as long as it gets on, and ends when it does not.
func TestLargeUploadThatBreaksOften(t *testing.T) {
	r, c := writing(t, cache.Config{})
	last := 0
	r.cutUpload = func(_ string, written int) error {
		if written < last+3<<19 {
			return nil
		}
		last = written
		return ftpconn.ErrShort
	}
	data := string(content(8 << 20))
	if err := put(t, c, "/large", data); err != nil {
		t.Fatal(err)
	}
	if got, _ := r.content("/large"); got != data {
		t.Error("other content")
	}
	wantSent(t, r, "STOR /TEMP", "APPE /TEMP", "APPE /TEMP", "APPE /TEMP", "APPE /TEMP", "APPE /TEMP", "RNTO /large")

	r.mu.Lock()
	r.cutUpload = func(string, int) error { return ftpconn.ErrShort }
	r.mu.Unlock()
	if err := put(t, c, "/larger", data); !errors.Is(err, ftpconn.ErrShort) {
		t.Errorf("error: %v", err)
	}
	wantSent(t, r, "STOR /TEMP", "STOR /TEMP", "STOR /TEMP")
}

const spentSize = 2 << 20

// spentStream writes a file of which only the end is still here.
func spentStream(t *testing.T, c *cache.Cache, r *remote, name string) *cache.Draft {
	t.Helper()
	c.SetLimits(1<<18, 1<<18, 1<<18)
	r.room = 8
	d, err := c.Create(t.Context(), name, 0o644, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Truncate(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	data := content(spentSize)
	for off := 0; off < len(data); off += 1 << 18 {
		if err := d.Write(t.Context(), data[off:off+1<<18], int64(off), false); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "its begin is given up", func() bool { return d.Spent() > 0 })
	return d
}

func TestSpentStream(t *testing.T) {
	for _, name := range []string{"/large", "/old"} {
		r, c := writing(t, cache.Config{})
		d := spentStream(t, c, r, name)
		if err := d.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.Close()
		if got, _ := r.content(name); got != string(content(spentSize)) {
			t.Errorf("%s: other content", name)
		}
		wantSent(t, r, "STOR /TEMP", "RNTO "+name)
	}
}

// What was given up is read from the server, and may be changed there.
func TestSpentStreamIsReadAndChanged(t *testing.T) {
	r, c := writing(t, cache.Config{})
	data := content(spentSize)
	d := spentStream(t, c, r, "/large")
	defer d.Close()
	if got, err := d.Read(t.Context(), 10, 1000); err != nil || string(got) != string(data[10:1010]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	e := spentStream(t, c, r, "/larger")
	defer e.Close()
	copy(data, "another header")
	if err := e.Write(t.Context(), data[:20], 0, false); err != nil {
		t.Fatal(err)
	}
	if err := e.Truncate(t.Context(), spentSize-100); err != nil {
		t.Fatal(err)
	}
	if err := e.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := r.content("/larger"); got != string(data[:spentSize-100]) {
		t.Error("other content")
	}
}

func TestSpentStreamIsResumed(t *testing.T) {
	for _, name := range []string{"/large", "/old"} {
		for _, at := range []string{"under way", "at the end"} {
			t.Run(name[1:]+" "+at, func(t *testing.T) {
				r, c := writing(t, cache.Config{})
				if at == "under way" {
					r.once(spentSize - 1<<18)
				}
				d := spentStream(t, c, r, name)
				defer d.Close()
				if at == "at the end" {
					broken := false
					r.mu.Lock()
					r.cutCommit = func(_ string, size int) (int, error) {
						if broken {
							return 0, nil
						}
						broken = true
						return size - 1000, ftpconn.ErrShort
					}
					r.mu.Unlock()
				}
				if err := d.Finish(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got, _ := r.content(name); got != string(content(spentSize)) {
					t.Error("other content")
				}
				wantSent(t, r, "STOR /TEMP", "APPE /TEMP", "RNTO "+name)
			})
		}
	}
}

// If the server has not kept what was given up here, the file is lost, and its
// parts are not mixed with what was there before.
func TestSpentStreamIsLost(t *testing.T) {
	for _, name := range []string{"/large", "/old"} {
		for _, why := range []string{"cut", "no APPE"} {
			t.Run(name[1:]+" "+why, func(t *testing.T) {
				dir := private(t)
				r, c := writing(t, cache.Config{Session: session(t, dir)})
				r.once(spentSize - 1<<18)
				switch why {
				case "cut":
					r.arrived = func(int) int { return 11 } // as long as the old one
				case "no APPE":
					r.refuse = func(verb, _ string) error {
						if verb == "APPE" {
							return refusal("APPE", ftpconn.ErrNotSupported)
						}
						return nil
					}
				}
				d := spentStream(t, c, r, name)
				if err := d.Sync(t.Context()); err == nil {
					t.Error("a file that is lost was confirmed")
				}
				r.mu.Lock()
				r.statErr, r.refuse = nil, nil
				r.mu.Unlock()
				if _, err := d.Read(t.Context(), 0, 10); err == nil {
					t.Error("what is lost could be read")
				}
				if err := d.Finish(t.Context()); err == nil {
					t.Error("a file that is lost was confirmed")
				}
				d.Close()
				eventually(t, "it is in lost+found", func() bool {
					all, err := journal.List(dir)
					if err != nil {
						t.Fatal(err)
					}
					return len(all) == 1 && all[0].Lost && all[0].Path == name
				})
				if err := c.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				wantContent(t, r, "/old", "old content")
				wantNames(t, r, "/", "old")
			})
		}
	}
}
