package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ftpfs/ftpconn/ftptest"
)

// TestServerIsAway: what is known answers, the rest fails, and all works again
// by itself.
func TestServerIsAway(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t)
	for _, name := range []string{"/dir/f", "/dir/g", "/other/f"} {
		srv.WriteFile(name, []byte("content"), modTime)
	}
	for name, leave := range map[string]func(*ftptest.Proxy){"refuses": (*ftptest.Proxy).Down, "is silent": (*ftptest.Proxy).Freeze} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := ftptest.NewProxy(t, srv.Addr)
			mnt := mount(t, proxy.URL(srv.URL()), "--list-ttl", "100ms", "--timeout", "2s", "--prefetch", "off")
			strict := mount(t, proxy.URL(srv.URL()), "--list-ttl", "100ms", "--timeout", "2s", "--stale-if-error=false")
			sh(t, `ls "$1" "$1/dir" "$2/dir" >/dev/null; cat "$1/dir/f" >/dev/null`, mnt, strict)
			time.Sleep(1200 * time.Millisecond) // what the kernel keeps
			leave(proxy)
			for range 2 {
				if got := must(t, "cat", filepath.Join(mnt, "dir/f")); got != "content" {
					t.Errorf("a file that was read: %q", got)
				}
				if got := must(t, "ls", filepath.Join(mnt, "dir")); got != "f\ng\n" {
					t.Errorf("a directory that was listed: %q", got)
				}
				for _, what := range []string{"dir/g", "dir/nothing"} {
					if r := try(t, "cat", filepath.Join(mnt, what)); r.code == 0 || strings.Contains(r.out, "No such file") {
						t.Errorf("%s, which was never read: %d, %s", what, r.code, r.out)
					}
				}
				if r := try(t, "ls", filepath.Join(mnt, "other")); r.code == 0 || strings.Contains(r.out, "No such file") {
					t.Errorf("a directory that was never listed: %d, %s", r.code, r.out)
				}
				if r := try(t, "ls", filepath.Join(strict, "dir")); r.code == 0 || strings.Contains(r.out, "No such file") {
					t.Errorf("without --stale-if-error: %d, %s", r.code, r.out)
				}
			}
			proxy.Thaw()
			if err := proxy.Up(); err != nil {
				t.Fatal(err)
			}
			comesBack(t, "cat", filepath.Join(mnt, "dir/g"))
			comesBack(t, "ls", filepath.Join(strict, "dir"))
			if r := try(t, "cat", filepath.Join(mnt, "dir/nothing")); !strings.Contains(r.out, "No such file") {
				t.Errorf("a file that is not there: %s", r.out)
			}
		})
	}
}

// comesBack repeats a command until it succeeds.
func comesBack(t *testing.T, name string, args ...string) {
	t.Helper()
	var r result
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if r = try(t, name, args...); r.code == 0 {
			return
		}
	}
	t.Errorf("%s %q does not work again: %s", name, args, r.out)
}

// TestHard: programs wait for the server, and can be ended meanwhile.
func TestHard(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t)
	srv.WriteFile("/dir/f", []byte("content"), modTime)
	srv.WriteFile("/dir/g", []byte("content"), modTime)
	proxy := ftptest.NewProxy(t, srv.Addr)
	mnt := mount(t, proxy.URL(srv.URL()), "--timeout", "1s", "--hard")
	proxy.Down()
	// Not the same name for both: who looks up what another one is looking up
	// already waits for that one, inside the kernel, and can not be ended.
	start := func(name string) (*exec.Cmd, chan error) {
		cmd := exec.Command("cat", filepath.Join(mnt, name))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		return cmd, done
	}
	killed, end := start("dir/f")
	_, stays := start("dir/g")
	time.Sleep(3 * time.Second)
	select {
	case err := <-stays:
		t.Fatalf("cat did not wait: %v", err)
	default:
	}
	if err := killed.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	await := func(what string, done <-chan error) (err error) {
		select {
		case err = <-done:
		case <-time.After(limit):
			t.Fatal(what)
		}
		return err
	}
	if err := await("Ctrl-C does not end cat", end); err == nil {
		t.Error("an interrupted cat ended well")
	}
	if err := proxy.Up(); err != nil {
		t.Fatal(err)
	}
	if err := await("cat waits on", stays); err != nil {
		t.Errorf("cat, with the server back: %v", err)
	}
}
