package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ftpfs/ftpconn/ftptest"
)

// TestCountersCanBeSeen: in the log at SIGUSR1, and at the end of the trace.
func TestCountersCanBeSeen(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t)
	srv.WriteFile("/f", []byte("12345"), modTime)
	dir := mountDir(t)
	log, trace := filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "trace")
	must(t, ftpfs, "mount", "--log-file", log, "--trace", trace, srv.URL(), dir)
	must(t, "cat", filepath.Join(dir, "f"))
	if err := syscall.Kill(serving(dir), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		data, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(data)
	}
	for range 200 {
		if strings.Contains(read(log), "content: 5 bytes from the server") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	must(t, ftpfs, "umount", dir)
	for _, name := range []string{log, trace} {
		if !strings.Contains(read(name), "content: 5 bytes from the server") {
			t.Errorf("%s: %q", filepath.Base(name), read(name))
		}
	}
}
