package e2e

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ftpfs/ftpconn/ftptest"
)

// TestSizeWins: where SIZE and the listing disagree, SIZE is right: files have
// all their bytes and no others, and their attributes are corrected.
func TestSizeWins(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewScript(t)
	files := map[string]struct{ listed, size int }{
		"short": {100_000, 85_000}, "shorter": {500_000, 130_000}, "whole": {300_000, 2 * 131_072},
		"nothing": {1000, 0}, "long": {85_000, 100_000}, "longer": {130_000, 500_000}, "right": {777, 777},
	}
	var listing strings.Builder
	for name, f := range files {
		srv.WriteFile("/"+name, noise(f.size), modTime)
		fmt.Fprintf(&listing, "type=file;size=%d;modify=20240506070809; %s\r\n", f.listed, name)
	}
	srv.Listing("MLSD", "/", listing.String())
	srv.Handle("MLST", func(c *ftptest.Session, arg string) { // it repeats what the listing says
		name := strings.TrimPrefix(arg, "/")
		c.Raw(fmt.Sprintf("250-Listing\r\n type=file;size=%d;modify=20240506070809; %s\r\n250 End\r\n", files[name].listed, arg))
	})
	mnt := mount(t, srv.URL(), "--list-ttl", "1s")
	for name, f := range files {
		want := noise(f.size)
		full := filepath.Join(mnt, name)
		// Unless the file was fetched ahead, who opens one that is longer than
		// the listing says gets its begin, once, and one that is shorter is an
		// error.
		r := try(t, "cat", full)
		if f.size < f.listed && r.code != 0 && strings.Contains(r.out, "Stale") {
			continue
		}
		if r.code != 0 || !bytes.HasPrefix(want, []byte(r.out)) || f.size <= f.listed && len(r.out) != f.size {
			t.Errorf("%s: exit code %d, %d bytes, want %d", name, r.code, len(r.out), f.size)
		}
	}
	for range 2 {
		for name, f := range files {
			want := noise(f.size)
			full := filepath.Join(mnt, name)
			correct := func() bool {
				return must(t, "stat", "-c", "%s", full) == fmt.Sprintf("%d\n", f.size) && bytes.Equal([]byte(must(t, "cat", full)), want)
			}
			for end := time.Now().Add(limit); !correct(); time.Sleep(100 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%s is not corrected: %s", name, must(t, "ls", "-l", mnt))
				}
			}
		}
		time.Sleep(1200 * time.Millisecond) // the listing is asked for again, and says the same
	}
}
