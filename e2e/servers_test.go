package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ftpfs/ftpconn/ftptest/realserver"
)

// TestServers drives one mount of each real server with ordinary tools.
func TestServers(t *testing.T) {
	needMounts(t)
	root := newRoot(t)
	addOdd(t, root)
	for _, kind := range realserver.All {
		t.Run(string(kind), func(t *testing.T) {
			srv := realserver.Start(t, kind, realserver.Options{Root: root})
			t.Logf("mounting %s", kind)
			suite(t, srv, root, mount(t, srv.URL()))
		})
	}
}

func suite(t *testing.T, srv *realserver.Server, root, mnt string) {
	t.Run("listing", func(t *testing.T) {
		// pyftpdlib shows a link as what it leads to, and not at all if that is
		// nothing.
		links := ""
		if srv.Kind == realserver.PyFTPDLib {
			links = "-L"
		}
		sh(t, `diff <(cd "$1" && ls -A | grep -vE "dangling|outside") <(cd "$2" && ls -A | grep -vE "dangling|outside")`, root, mnt)
		sh(t, `diff <(cd "$1" && find tree | sort) <(cd "$2" && find tree | sort)`, root, mnt)
		sh(t, `diff <(cd "$1" && find `+links+` tree -type f -printf "%s %p\n" | sort) <(cd "$2" && find tree -type f -printf "%s %p\n" | sort)`, root, mnt)
	})
	t.Run("content", func(t *testing.T) {
		if got := must(t, "cat", filepath.Join(mnt, "test.txt")); got != testText {
			t.Errorf("test.txt: %q", got)
		}
		if got := must(t, "cat", filepath.Join(mnt, "empty")); got != "" {
			t.Errorf("empty: %q", got)
		}
		sh(t, `cmp "$1/big" "$2/big"`, root, mnt)
		sh(t, `grep -r "manually commanded" "$1/test.txt" "$1/tree" | grep -q test.txt`, mnt)
	})
	t.Run("odd names", func(t *testing.T) {
		for _, n := range oddNames {
			if strings.Contains(n, `\`) && srv.Kind == realserver.PureFTPd {
				continue // it prohibits a backslash in names
			}
			if r := try(t, "cat", filepath.Join(mnt, "odd", n, n)); r.code != 0 || r.out != n {
				t.Errorf("%q: exit code %d, %q", n, r.code, r.out)
			}
		}
		if r := try(t, "diff", "-r", "-x", `a\\b`, filepath.Join(root, "odd"), filepath.Join(mnt, "odd")); r.code != 0 {
			t.Errorf("diff -r: %s", r.out)
		}
	})
	t.Run("random reads", func(t *testing.T) {
		sh(t, `for skip in 16000 3 9001 16383 0 777 12345; do
			cmp <(dd if="$1/big" bs=4096 count=1 skip=$skip status=none) <(dd if="$2/big" bs=4096 count=1 skip=$skip status=none)
		done`, root, mnt)
	})
	t.Run("eight readers", func(t *testing.T) {
		sh(t, `pids=""; for i in 0 1 2 3 4 5 6 7; do cmp "$1/eight/f$i" "$2/eight/f$i" & pids="$pids $!"; done; for p in $pids; do wait $p; done`, root, mnt)
	})
	t.Run("ls while a file is read", func(t *testing.T) {
		sh(t, `cat "$1/big" >/dev/null & for i in 1 2 3; do ls -l "$1/times" "$1/tree/d$i" >/dev/null; done; wait $!`, mnt)
	})
	t.Run("5000 files", func(t *testing.T) {
		if got := strings.TrimSpace(sh(t, `ls "$1/many" | wc -l`, mnt)); got != "5000" {
			t.Errorf("%s files", got)
		}
		sh(t, `diff <(ls "$1/many" | sort) <(ls "$2/many" | sort)`, root, mnt)
	})
	t.Run("links", func(t *testing.T) { links(t, srv, mnt) })
	t.Run("times", func(t *testing.T) {
		// LIST tells the day of old files and the minute of new ones: MDTM, or
		// MLSD, must have told the rest.
		sh(t, `diff <(cd "$1" && find -L times tree -type f -printf "%Ts %p\n" | sort) <(cd "$2" && find -L times tree -type f -printf "%Ts %p\n" | sort)`, root, mnt)
	})
	t.Run("copies", func(t *testing.T) {
		sh(t, `cp -r "$2/tree" "$3/cp" && diff -r "$1/tree" "$3/cp"`, root, mnt, t.TempDir())
		sh(t, `mkdir "$3/tar" && tar -C "$2" -cf - tree | tar -C "$3/tar" -xf - && diff -r "$1/tree" "$3/tar/tree"`, root, mnt, t.TempDir())
		sh(t, `rsync -a "$2/tree/" "$3/rsync" && diff -r "$1/tree" "$3/rsync"`, root, mnt, t.TempDir())
		sh(t, `rsync -a "$2/tree/" "$3/r" && [ -z "$(rsync -ai "$2/tree/" "$3/r")" ]`, root, mnt, t.TempDir())
	})
	t.Run("absent", func(t *testing.T) {
		for _, name := range []string{"nothing", "tree/nothing", "nothing/at/all"} {
			if r := try(t, "cat", filepath.Join(mnt, name)); r.code == 0 || !strings.Contains(r.out, "No such file or directory") {
				t.Errorf("%s: %s", name, r.out)
			}
		}
		if r := try(t, "cat", filepath.Join(mnt, "test.txt/x")); !strings.Contains(r.out, "Not a directory") {
			t.Errorf("below a file: %s", r.out)
		}
	})
	t.Run("the server forbids writing", func(t *testing.T) {
		for _, script := range []string{`touch "$1/new"`, `mkdir "$1/new"`, `env dd if=/dev/zero of="$1/new2" bs=1M count=3 status=none`, `rm "$1/test.txt"`, `mv "$1/test.txt" "$1/tree/"`, `env echo x >>"$1/test.txt"`, `cp /etc/passwd "$1/test.txt"`} {
			if r := try(t, "bash", "-c", script, "sh", mnt); r.code == 0 || !strings.Contains(r.out, "Permission denied") {
				t.Errorf("%s: exit code %d: %s", script, r.code, r.out)
			}
		}
		sh(t, `for i in $(seq 50); do ! cmp "$1/test.txt" "$2/test.txt" || exit 0; sleep 0.1; done; exit 1`, root, mnt)
	})
	t.Run("restart between two reads", func(t *testing.T) {
		sh(t, `head -c 1000 "$1/eight/f1" >/dev/null`, mnt)
		srv.Restart()
		sh(t, `cmp "$1/big" "$2/big"; ls "$2/tree/d4/s3" >/dev/null; diff -r "$1/tree/d2" "$2/tree/d2"`, root, mnt)
	})
	t.Run("file descriptors", func(t *testing.T) {
		pid := serving(mnt)
		count := func() int {
			all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
			if err != nil {
				t.Fatal(err)
			}
			return len(all)
		}
		for range 3 {
			sh(t, `cat "$1"/tree/d3/s*/* >/dev/null; ls -R "$1/tree" >/dev/null`, mnt)
		}
		before := count()
		for i := range 20 {
			sh(t, `cat "$1"/tree/d3/s*/* >/dev/null; dd if="$1/big" bs=4096 skip="$2" count=1 status=none >/dev/null`, mnt, strconv.Itoa(i*700))
		}
		// Up to eight control connections, each with a data connection.
		if after := count(); after > before+16 {
			t.Errorf("%d file descriptors became %d", before, after)
		}
	})
}

func links(t *testing.T, srv *realserver.Server, mnt string) {
	if srv.Kind == realserver.PyFTPDLib {
		// It shows what a link points to, and a dangling one not at all.
		if got := must(t, "cat", filepath.Join(mnt, "link")); got != testText {
			t.Errorf("link: %q", got)
		}
		return
	}
	// ProFTPD's MLSD leaves dangling links out.
	hidden := srv.Kind == realserver.ProFTPD
	for name, target := range map[string]string{"link": "test.txt", "tree/d0/up": "../d1/s0/f3", "dirlink": "tree/d0", "dangling": "nowhere"} {
		if name == "dangling" && hidden {
			continue
		}
		if r := try(t, "readlink", filepath.Join(mnt, name)); r.code != 0 || strings.TrimSpace(r.out) != target {
			t.Errorf("%s -> %q (%d), want %q", name, r.out, r.code, target)
		}
	}
	for _, name := range []string{"link"} {
		if r := try(t, "cat", filepath.Join(mnt, name)); r.out != testText {
			t.Errorf("%s: %q", name, r.out)
		}
	}
	if r := try(t, "ls", filepath.Join(mnt, "dirlink/")); r.out != "s0\ns1\ns2\ns3\nup\n" {
		t.Errorf("dirlink: %q", r.out)
	}
	if r := try(t, "cat", filepath.Join(mnt, "outside")); r.code == 0 || !hidden && !strings.Contains(r.out, "Operation not permitted") {
		t.Errorf("a link out of the mount: %s", r.out)
	}
}

// TestOneConnection: a server that allows each client a single connection.
func TestOneConnection(t *testing.T) {
	needMounts(t)
	root := newRoot(t)
	for _, kind := range realserver.All {
		t.Run(string(kind), func(t *testing.T) {
			srv := realserver.Start(t, kind, realserver.Options{Root: root, MaxPerClient: 1})
			t.Logf("mounting %s", kind)
			mnt := mount(t, srv.URL())
			sh(t, `pids=""; for i in 0 1 2 3 4 5 6 7; do cmp "$1/eight/f$i" "$2/eight/f$i" & pids="$pids $!"; done
				ls -lR "$2/tree" >/dev/null; cmp "$1/big" "$2/big"; for p in $pids; do wait $p; done`, root, mnt)
			sh(t, `cp -r "$2/tree" "$3/cp" && diff -r "$1/tree" "$3/cp"`, root, mnt, t.TempDir())
		})
	}
}
