package e2e

import (
	"crypto/md5"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ftpfs/ftpconn/ftptest"
	"ftpfs/ftpconn/ftptest/realserver"
)

// TestVerify: with --verify, a file whose checksum is another one is an error,
// however often it is read.
func TestVerify(t *testing.T) {
	needMounts(t)
	t.Run("script", func(t *testing.T) {
		srv := ftptest.NewScript(t)
		srv.Features("MLST", "MLSD", "EPSV", "SIZE", "REST STREAM", "XMD5")
		data := noise(900_000)
		for _, name := range []string{"/good", "/bad", "/refused"} {
			srv.WriteFile(name, data, modTime)
		}
		srv.Handle("XMD5", func(c *ftptest.Session, arg string) {
			switch {
			case strings.HasSuffix(arg, "good"):
				c.Reply(250, fmt.Sprintf("%X", md5.Sum(data)))
			case strings.HasSuffix(arg, "bad"):
				c.Reply(250, fmt.Sprintf("%x", md5.Sum(data[1:])))
			default:
				c.Reply(550, "No.")
			}
		})
		log := filepath.Join(t.TempDir(), "log")
		mnt := mount(t, srv.URL(), "--verify", "--log-file", log, "--cache-dir", t.TempDir(), "--prefetch", "off")
		for range 2 {
			for _, name := range []string{"good", "refused"} {
				if got := must(t, "cat", filepath.Join(mnt, name)); got != string(data) {
					t.Errorf("%s: %d bytes", name, len(got))
				}
			}
			before := srv.Count("RETR")
			if r := try(t, "cat", filepath.Join(mnt, "bad")); r.code == 0 || !strings.Contains(r.out, "Input/output error") {
				t.Errorf("a file that is not what the server has: exit code %d, %d bytes; log:\n%s", r.code, len(r.out), tail(log))
			}
			if srv.Count("RETR") == before {
				t.Error("it stayed in the cache")
			}
		}
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`msg="a file was verified" path=/good command=XMD5`, "path=/bad", "path=/refused"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("no %q in the log:\n%s", want, text)
			}
		}
		if got := srv.Count("XMD5"); got > 4 {
			t.Errorf("%d times XMD5", got)
		}
	})
	t.Run("ProFTPD", func(t *testing.T) {
		root := newFaultRoot(t)
		srv := realserver.Start(t, realserver.ProFTPD, realserver.Options{Root: root})
		log := filepath.Join(t.TempDir(), "log")
		mnt := mount(t, srv.URL(), "--verify", "--log-file", log)
		sh(t, `diff -r "$1" "$2"`, root, mnt)
		count := func() int {
			text, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			return strings.Count(string(text), `was verified" path=/`)
		}
		for end := time.Now().Add(limit); count() < 100 && time.Now().Before(end); {
			time.Sleep(50 * time.Millisecond)
		}
		if n := count(); n < 100 {
			t.Errorf("%d files were verified:\n%s", n, tail(log))
		}
	})
}
