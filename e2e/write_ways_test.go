package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ftpfs/ftpconn/ftptest/realserver"
)

// someJobs are those jobs that show whether content arrives.
func someJobs(t *testing.T, p place, src string) {
	t.Helper()
	for _, j := range jobs {
		switch j.name {
		case "cp -r", "append", "dd in the middle", "eight writers", "rename while open", "cat and redirection":
			t.Run(j.name, func(t *testing.T) { j.do(t, p, src) })
		}
	}
}

// TestWritingBack: programs see no difference with --write-back.
func TestWritingBack(t *testing.T) {
	needMounts(t)
	src := sourceTree(t)
	p := newPlace(t, realserver.VSFTPD, "--write-back")
	p.later = true
	someJobs(t, p, src)
}

func TestWritingTLS(t *testing.T) {
	needMounts(t)
	src := sourceTree(t)
	for _, kind := range realserver.All {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			root := writableRoot(t)
			srv := realserver.Start(t, kind, realserver.Options{Root: root, Writable: true, TLS: true})
			p := place{kind: kind, disk: filepath.Join(root, "w"), staging: stagingDir(t)}
			p.mnt = mount(t, srv.URL()+"w", "--staging-dir", p.staging, "--ca-file", srv.CAFile)
			someJobs(t, p, src)
			for range 5 { // what is cut off at the end is seen in some of the tries only
				sh(t, `cp "$1/big" "$1/f9" "$2"; cmp "$1/big" "$3/big"; cmp "$1/f9" "$3/f9"; rm "$2/big"`, src, p.mnt, p.disk)
			}
		})
	}
}

// TestWritingWithOneConnection: nothing waits for a second one for ever.
func TestWritingWithOneConnection(t *testing.T) {
	needMounts(t)
	src := sourceTree(t)
	for _, kind := range realserver.All {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			root := writableRoot(t)
			srv := realserver.Start(t, kind, realserver.Options{Root: root, Writable: true, MaxPerClient: 1})
			p := place{kind: kind, disk: filepath.Join(root, "w"), staging: stagingDir(t)}
			p.mnt = mount(t, srv.URL()+"w", "--staging-dir", p.staging)
			someJobs(t, p, src)
			sh(t, `head -c 20M /dev/urandom >"$3"; cp "$3" "$1/in"; cmp "$3" "$2/in"; cp "$1/in" "$1/out"; cmp "$2/in" "$2/out"; cat "$1/in" "$1/out" >"$1/both"; cat "$2/in" "$2/out" | cmp - "$2/both"
				cp "$1/in" "$1/x" & cp "$1/out" "$1/y" & cat "$1/both" >/dev/null; ls -lR "$1" >/dev/null; wait; cmp "$2/in" "$2/x"; cmp "$2/in" "$2/y"`, p.mnt, p.disk, filepath.Join(t.TempDir(), "source"))
		})
	}
}

// TestOverwriteInPlace: usually a new file takes the place of the old one;
// with --in-place the old one gets new content. Its mode stays.
func TestOverwriteInPlace(t *testing.T) {
	needMounts(t)
	root := writableRoot(t)
	srv := realserver.Start(t, realserver.ProFTPD, realserver.Options{Root: root, Writable: true})
	disk := filepath.Join(root, "w")
	for _, inPlace := range []bool{false, true} {
		flags := []string{"--staging-dir", stagingDir(t)}
		if inPlace {
			flags = append(flags, "--in-place")
		}
		sh(t, `cd "$1"; for n in tool secret; do rm -f $n; seq 1000 >$n; done; chmod 751 tool; chmod 600 secret; chown nobody tool secret`, disk)
		mnt := mount(t, srv.URL()+"w", flags...)
		for _, script := range []string{`seq 2000 >"$1/tool"; echo x >"$1/secret"`, `seq 9 | dd of="$1/tool" bs=1 seek=100 conv=notrunc status=none; echo y >>"$1/secret"; sed -i s/x/z/ "$1/secret"; seq 900000 >"$1/tool"`} {
			sh(t, script, mnt)
			if got := sh(t, `cd "$1"; stat -c "%a %n" secret tool`, disk); got != "600 secret\n751 tool\n" {
				t.Errorf("in place: %v: after %s the modes are %s", inPlace, script, got)
			}
		}
		sh(t, `cd "$1"; [ "$(cat secret)" = "$(printf "z\ny")" ]; seq 900000 | cmp - tool`, disk)
		sh(t, `cd "$1"; rm tool; seq 1000 >tool; chown nobody tool; stat -c %i tool >../ino`, disk)
		sh(t, `cd "$1"; ls -l >/dev/null; seq 5 >tool`, mount(t, srv.URL()+"w", flags...))
		same := try(t, "bash", "-c", `[ "$(stat -c %i "$1/w/tool")" = "$(cat "$1/ino")" ]`, "sh", root).code == 0
		if same != inPlace {
			t.Errorf("in place: %v, and the file on the server is the same: %v", inPlace, same)
		}
	}
}

// TestServerSideCopy: where the server can copy, cp brings no content here.
func TestServerSideCopy(t *testing.T) {
	needMounts(t)
	root := writableRoot(t)
	srv := realserver.Start(t, realserver.ProFTPD, realserver.Options{Root: root, Writable: true})
	p := place{disk: filepath.Join(root, "w"), trace: filepath.Join(t.TempDir(), "trace")}
	if err := os.WriteFile(filepath.Join(p.disk, "f"), noise(5<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	p.mnt = mount(t, srv.URL()+"w", "--staging-dir", stagingDir(t), "--trace", p.trace)
	sh(t, `cp "$1/f" "$1/g"; cmp "$2/f" "$2/g"; ls -l "$1" >/dev/null; cmp "$1/g" "$2/f"`, p.mnt, p.disk)
	trace := readFile(t, p.trace)
	copied, read, _ := strings.Cut(trace, "CPTO")
	if strings.Contains(copied, "> RETR") || strings.Contains(copied, "> STOR") || !strings.Contains(read, "> RETR") {
		t.Errorf("the content was fetched to be copied")
	}
	// A part of a file, and into one that has content.
	sh(t, `cd "$1"; python3 -c '
import os
a, b = os.open("f", os.O_RDONLY), os.open("h", os.O_RDWR | os.O_CREAT, 0o644)
os.write(b, b"begin")
at = 5
while at < 1000005: at += os.copy_file_range(a, b, 1000005 - at, 1000000 + at - 5, at)
os.close(b)
'; cmp <(printf begin; tail -c +1000001 f | head -c 1000000) "$2/h"; cp f h; cmp f "$2/h"; cp g f; echo more >>g; cp g h; cmp g "$2/h"; cp --attributes-only f i 2>/dev/null; [ ! -s "$2/i" ]`, p.mnt, p.disk)
}

// TestSpace: df shows room, as otherwise some programs write nothing.
func TestSpace(t *testing.T) {
	needMounts(t)
	p := newPlace(t, realserver.PureFTPd)
	python(t, `
import os, sys
st = os.statvfs(sys.argv[1]); assert st.f_bavail * st.f_frsize > 1 << 30 and st.f_favail != 0 or st.f_files == 0, st; assert st.f_namemax == 255, st
`, p.mnt)
	sh(t, `df "$1" >/dev/null; df -i "$1" >/dev/null; cp "$2" "$1/f"`, p.mnt, "/bin/true")
}
