package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ftpfs/ftpconn/ftptest"
)

// TestCacheDir: the second mount reads nothing again, but a changed file.
func TestCacheDir(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t)
	big := strings.Repeat("0123456789abcdef", 200_000)
	srv.WriteFile("/dir/a", []byte("first"), modTime)
	srv.WriteFile("/dir/big", []byte(big), modTime)
	dir := filepath.Join(t.TempDir(), "cache")
	read := func(want string) int {
		srv.ResetCommands()
		mnt := mountDir(t)
		must(t, ftpfs, "mount", "--cache-dir", dir, srv.URL(), mnt)
		if got := must(t, "cat", filepath.Join(mnt, "dir/a")); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := must(t, "cat", filepath.Join(mnt, "dir/big")); got != big {
			t.Errorf("big: %d bytes", len(got))
		}
		must(t, ftpfs, "umount", mnt)
		return srv.Count("RETR")
	}
	if n := read("first"); n == 0 {
		t.Error("nothing was transferred")
	}
	if n := read("first"); n != 0 {
		t.Errorf("%d transfers for what is on disk", n)
	}
	srv.WriteFile("/dir/a", []byte("other"), modTime.Add(time.Hour))
	if n := read("other"); n != 1 {
		t.Errorf("%d transfers for one changed file", n)
	}
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("others may look into the cache: %v, %v", st, err)
	}
}
