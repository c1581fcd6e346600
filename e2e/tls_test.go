package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ftpfs/ftpconn/ftptest"
	"ftpfs/ftpconn/ftptest/realserver"
)

// TestServersTLS: the real servers, when they demand TLS for everything and,
// as is their default, the resumption of the TLS session.
func TestServersTLS(t *testing.T) {
	needMounts(t)
	root := newRoot(t)
	for _, kind := range realserver.All {
		t.Run(string(kind), func(t *testing.T) {
			srv := realserver.Start(t, kind, realserver.Options{Root: root, TLS: true})
			if r := try(t, ftpfs, "mount", strings.Replace(srv.URL(), "ftpes:", "ftp:", 1), "--tls=off", mountDir(t)); r.code == 0 {
				t.Error("logged in without TLS")
			}
			mnt := mount(t, srv.URL(), "--ca-file", srv.CAFile)
			sh(t, `diff <(cd "$1" && find tree | sort) <(cd "$2" && find tree | sort)`, root, mnt)
			sh(t, `cp -r "$2/tree" "$3/cp" && diff -r "$1/tree" "$3/cp"`, root, mnt, t.TempDir())
			sh(t, `cmp "$1/big" "$2/big" && [ "$(wc -c <"$2/empty")" = 0 ]`, root, mnt)
			sh(t, `for skip in 16000 3 9001 16383 0; do
				cmp <(dd if="$1/big" bs=4096 count=1 skip=$skip status=none) <(dd if="$2/big" bs=4096 count=1 skip=$skip status=none)
			done`, root, mnt)
			sh(t, `pids=""; for i in 0 1 2 3 4 5 6 7; do cmp "$1/eight/f$i" "$2/eight/f$i" & pids="$pids $!"; done; for p in $pids; do wait $p; done`, root, mnt)
			srv.Restart()
			sh(t, `diff -r "$1/tree/d2" "$2/tree/d2"`, root, mnt)
		})
	}
}

// TestTLSPin: the error about an untrusted certificate has what makes it
// trusted.
func TestTLSPin(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t, ftptest.WithTLSRequired(), ftptest.WithLogin("joe", "sesame"))
	srv.WriteFile("/f", []byte("x"), modTime)
	for _, scheme := range []string{"ftp", "ftpes"} {
		url := strings.Replace(srv.URL(), "ftp:", scheme+":", 1)
		r := try(t, ftpfs, "mount", url, mountDir(t))
		pin := regexp.MustCompile(`--tls-pin (SHA256:\S+)`).FindStringSubmatch(r.out)
		if r.code != 9 || pin == nil {
			t.Fatalf("exit code %d: %s", r.code, r.out)
		}
		mnt := mount(t, url, "--tls-pin", pin[1])
		if got := must(t, "cat", filepath.Join(mnt, "f")); got != "x" {
			t.Errorf("got %q", got)
		}
		other := "SHA256:" + strings.Repeat("A", 43)
		if r := try(t, ftpfs, "mount", url, "--tls-pin", other, mountDir(t)); r.code != 9 || !strings.Contains(r.out, "not the one of --tls-pin") {
			t.Errorf("exit code %d: %s", r.code, r.out)
		}
		mnt = mount(t, url, "--insecure")
		must(t, "ls", mnt)
	}
}

// TestPasswordInClearIsSaid: in one line, and only where it is so.
func TestPasswordInClearIsSaid(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t, ftptest.WithLogin("joe", "sesame"))
	dir := mountDir(t)
	r := try(t, ftpfs, "mount", srv.URL(), dir)
	if r.code != 0 || strings.Count(r.out, "\n") != 1 || !strings.Contains(r.out, "in clear") {
		t.Errorf("exit code %d: %s", r.code, r.out)
	}
	must(t, ftpfs, "umount", dir)
}

// TestShellTLS: TLS by hand.
func TestShellTLS(t *testing.T) {
	srv := ftptest.NewServer(t, ftptest.WithTLSRequired(), ftptest.WithLogin("joe", "sesame"))
	srv.WriteFile("/hello", []byte("seen by hand\n"), modTime)
	file := filepath.Join(t.TempDir(), "up")
	if err := os.WriteFile(file, []byte(strings.Repeat("sent by hand\n", 50_000)), 0o644); err != nil {
		t.Fatal(err)
	}
	out := sh(t, `printf '%s\n' "AUTH TLS" "USER joe" "PASS sesame" "PBSZ 0" "PROT P" "TYPE I" EPSV "RETR hello" EPSV "STOR up < $2" QUIT |
		"$1" shell --insecure "$3"`, ftpfs, file, "ftpes"+strings.TrimPrefix(srv.URL(), "ftp"))
	for _, want := range []string{"control connection protected by TLS 1.3", "resumed", "seen by hand"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if got, err := srv.ReadFile("/up"); err != nil || len(got) != 650_000 {
		t.Errorf("%d bytes arrived, %v", len(got), err)
	}
}
