package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ftpfs/ftpconn/ftptest"
	"ftpfs/ftpconn/ftptest/realserver"
)

// told is for Python programs that print what errno a call has.
const told = `
import os, errno, sys, ctypes
def told(what, call, *args):
	try: call(*args); print(what, "ok")
	except OSError as e: print(what, errno.errorcode[e.errno])
def put(name, text, how=os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
	fd = os.open(name, how, 0o644)
	try: os.write(fd, text.encode())
	finally: os.close(fd)
libc = ctypes.CDLL(None, use_errno=True)
def renameat2(a, b, flags):
	if libc.renameat2(-100, os.fsencode(a), -100, os.fsencode(b), flags) != 0: raise OSError(ctypes.get_errno(), a)
os.chdir(sys.argv[1])
`

// What POSIX wants, a directory of this machine has.
const posixErrors = told + `
os.mkdir("d"); os.mkdir("empty"); os.mkdir("full"); os.mkdir("full/sub"); put("full/.hidden", "x"); put("f", "file"); put("g", "other")
told("mkdir over a directory", os.mkdir, "d")
told("mkdir over a file", os.mkdir, "f")
told("mkdir in a missing one", os.mkdir, "no/d")
told("mkdir below a file", os.mkdir, "f/d")
told("mkdir of a long name", os.mkdir, "n" * 256)
told("mkdir of the longest name", os.mkdir, "n" * 255)
told("rmdir of the longest name", os.rmdir, "n" * 255)
told("rmdir of a full one", os.rmdir, "full")
told("rmdir of a file", os.rmdir, "f")
told("rmdir of a missing one", os.rmdir, "no")
told("rmdir below a file", os.rmdir, "f/d")
told("rmdir of a long name", os.rmdir, "n" * 256)
told("unlink of a directory", os.unlink, "d")
told("unlink of a full one", os.unlink, "full")
told("unlink of a missing one", os.unlink, "no")
told("unlink below a file", os.unlink, "f/x")
told("unlink of a long name", os.unlink, "n" * 256)
told("create in a missing one", put, "no/f", "x")
told("create below a file", put, "f/x", "x")
told("create with a long name", put, "n" * 256, "x")
told("open of a directory", put, "d", "x")
told("open of a missing one", put, "no", "x", os.O_WRONLY)
told("exclusive over a file", put, "f", "x", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
told("exclusive over a directory", put, "d", "x", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
told("write to a reader", put, "f", "x", os.O_RDONLY)
told("read of a writer", lambda: os.read(os.open("f", os.O_WRONLY), 1))
told("truncate of a directory", os.truncate, "d", 0)
told("truncate of a missing one", os.truncate, "no", 0)
told("truncate below zero", os.truncate, "f", -1)
told("chmod of a missing one", os.chmod, "no", 0o644)
told("utime of a missing one", os.utime, "no", (1, 1))
told("list of a missing one", os.listdir, "no")
told("list of a file", os.listdir, "f")
told("file over a directory", os.rename, "f", "empty")
told("file over a full directory", os.rename, "f", "full")
told("directory over a file", os.rename, "d", "f")
told("directory over a full one", os.rename, "d", "full")
told("directory into itself", os.rename, "full", "full/sub/x")
told("directory over its own parent", os.rename, "full/sub", "full")
told("missing to a name", os.rename, "no", "x")
told("file into a missing one", os.rename, "f", "no/x")
told("file below a file", os.rename, "f", "g/x")
told("below a file to a name", os.rename, "g/x", "y")
told("to a long name", os.rename, "f", "n" * 256)
told("long name to another", os.rename, "n" * 256, "x")
told("noreplace over a file", renameat2, "f", "g", 1)
told("noreplace over a directory", renameat2, "d", "empty", 1)
told("noreplace over itself", renameat2, "f", "f", 1)
told("file over itself", os.rename, "f", "f")
told("noreplace to a name", renameat2, "f", "h", 1)
told("and back", os.rename, "h", "f")
told("file with a slash", os.rename, "f", "x/")
told("directory with a slash", os.rename, "d", "e/")
told("directory over an empty one", os.rename, "e", "empty")
told("file over a file", os.rename, "f", "g")
told("chown to oneself", os.chown, "g", os.getuid(), os.getgid())
told("chown to nobody in particular", os.chown, "g", -1, -1)
told("readlink of a file", os.readlink, "g")
print(sorted(os.listdir(".")), open("g").read(), os.listdir("full/sub"))
`

func TestWriteErrors(t *testing.T) {
	needMounts(t)
	want := python(t, posixErrors, t.TempDir())
	onServers(t, realserver.All, func(t *testing.T, p place) {
		work := filepath.Join(p.mnt, "work")
		if err := os.Mkdir(work, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Run("POSIX", func(t *testing.T) {
			got := strings.Split(python(t, posixErrors, work), "\n")
			for i, line := range strings.Split(want, "\n") {
				if i >= len(got) || got[i] != line {
					t.Errorf("got %q, want %q", got[min(i, len(got)-1)], line)
				}
			}
		})
		t.Run("what FTP can not do", func(t *testing.T) {
			const program = told + `
put("a", "x"); told("chown", os.chown, "a", 1234, -1); told("chgrp", os.chown, "a", -1, 1234); told("link", os.link, "a", "b")
told("fifo", os.mkfifo, "fifo"); told("newline", put, "a\nDELE a", "x"); told("return", os.mkdir, "a\rb"); told("to newline", os.rename, "a", "b\nc"); told("symlink", os.symlink, "a\nb", "l\n")
told("newline is not there", os.unlink, "a\nb"); told("exchange", renameat2, "a", "full", 2)
print(open("a").read())`
			const want = `chown EPERM
chgrp EPERM
link EPERM
fifo EPERM
newline EINVAL
return EINVAL
to newline EINVAL
symlink EINVAL
newline is not there ENOENT
exchange EINVAL
x
`
			got := strings.Replace(python(t, program, work), "symlink EPERM", "symlink EINVAL", 1)
			got = strings.Replace(got, "newline is not there EINVAL", "newline is not there ENOENT", 1)
			if got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
		})
		t.Run("EACCES", func(t *testing.T) {
			if p.kind == realserver.PyFTPDLib {
				t.Skip("it runs as root, and may do everything")
			}
			locked := filepath.Join(p.disk, "locked")
			sh(t, `mkdir "$1"; echo text >"$1/f"; mkdir "$1/d"; chmod 755 "$1" "$1/d"`, locked)
			const program = told + `
told("mkdir", os.mkdir, "locked/x"); told("create", put, "locked/new", "x"); told("overwrite", put, "locked/f", "new"); told("append", put, "locked/f", "x", os.O_WRONLY | os.O_APPEND)
told("unlink", os.unlink, "locked/f"); told("rmdir", os.rmdir, "locked/d"); told("rename", os.rename, "locked/f", "locked/g"); told("rename out", os.rename, "locked/f", "g"); told("rename in", os.rename, "work/g", "locked/x")
print(sorted(os.listdir("locked")), open("locked/f").read())`
			const want = "mkdir EACCES\ncreate EACCES\noverwrite EACCES\nappend EACCES\nunlink EACCES\nrmdir EACCES\nrename EACCES\nrename out EACCES\nrename in EACCES\n['d', 'f'] text\n\n"
			// It has not listed anything yet, and what is refused is in its lost+found.
			mnt := mount(t, p.url, "--staging-dir", filepath.Join(t.TempDir(), "staging"))
			if got := python(t, program, mnt); got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
			if got := sh(t, `cd "$1"; ls -A; cat f`, locked); got != "d\nf\ntext\n" {
				t.Errorf("on the server: %q", got)
			}
		})
		t.Run("a directory that goes away", func(t *testing.T) {
			mnt := mount(t, p.url, "--staging-dir", filepath.Join(t.TempDir(), "staging"))
			sh(t, `mkdir "$1/gone"; ls "$1/gone"; rmdir "$2/gone"`, mnt, p.disk)
			if r := try(t, "cp", "/etc/passwd", filepath.Join(mnt, "gone", "f")); r.code == 0 || !strings.Contains(r.out, "No such file or directory") {
				t.Errorf("exit code %d: %s", r.code, r.out)
			}
		})
		t.Run("mv between mounts", func(t *testing.T) {
			other := mount(t, p.url, "--staging-dir", stagingDir(t))
			sh(t, `mkdir -p "$1/one/sub" "$2/two"; seq 1000 >"$1/one/sub/f"; echo x >"$1/one/g"; mv "$1/one" "$2/two/"; [ ! -e "$1/one" ]`, p.mnt, other)
			sh(t, `cd "$1/two/one"; seq 1000 | cmp - sub/f; [ "$(cat g)" = x ]; [ ! -e "$1/one" ]`, p.disk)
		})
	})
}

// No name can bring in a command, and a name that can not be written costs the
// server nothing.
func TestNamesWithLineEnds(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewScript(t)
	srv.WriteFile("/victim", []byte("x"), modTime)
	mnt := mount(t, srv.URL(), "--staging-dir", stagingDir(t))
	sh(t, `ls -l "$1" >/dev/null`, mnt)
	got := asked(t, srv.Log, `cd "$1"; for n in $'a\r\nDELE victim' $'b\nDELE victim' $'c\rd'; do
		for do in "touch" "mkdir" "rmdir" "rm" "cp victim" "mv victim" "ln -s victim" "truncate -s 5"; do ! $do "$n" 2>/dev/null || exit 1; done; done`, mnt)
	if len(got) != 0 {
		t.Errorf("the server was told %q", got)
	}
	if got := strings.Join(srv.Commands(), "\n"); strings.Contains(got, "DELE") {
		t.Errorf("%s", got)
	}
}

func TestReadOnlyMount(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewScript(t)
	srv.WriteFile("/dir/f", []byte("x"), modTime)
	mnt := mount(t, srv.URL(), "-o", "ro")
	const program = told + `
told("mkdir", os.mkdir, "x"); told("create", put, "x", "x"); told("write", put, "dir/f", "x", os.O_WRONLY); told("append", put, "dir/f", "x", os.O_WRONLY | os.O_APPEND)
told("unlink", os.unlink, "dir/f"); told("rmdir", os.rmdir, "dir"); told("rename", os.rename, "dir/f", "g"); told("chmod", os.chmod, "dir/f", 0o600); told("utime", os.utime, "dir/f", (1, 1))
told("truncate", os.truncate, "dir/f", 0); told("symlink", os.symlink, "dir", "l"); print(open("dir/f").read())`
	got := python(t, program, mnt)
	if strings.Count(got, "EROFS") != 11 || !strings.HasSuffix(got, "\nx\n") {
		t.Errorf("%s", got)
	}
	if n := srv.Count("STOR", "APPE", "DELE", "MKD", "RMD", "RNFR", "MFMT", "SITE"); n != 0 {
		t.Errorf("%d commands that change something", n)
	}
}

// A server that has no room says so at the end of a transfer, or within: no
// program takes that for success, and what was there before stays.
func TestFullServer(t *testing.T) {
	needMounts(t)
	for name, plan := range map[string]ftptest.Plan{
		"452 at the end":  {Final: "452 Insufficient storage space in system.\r\n"},
		"552 at the end":  {Final: "552 Exceeded storage allocation.\r\n"},
		"452 within":      {Limit: 100_000, Reset: true, Final: "452 Insufficient storage space in system.\r\n"},
		"552 within":      {Limit: 100_000, Final: "552 Exceeded storage allocation.\r\n"},
		"452 at begin":    {},
		"552 at begin":    {},
		"451 no space":    {Final: "451 Write failed: No space left on device\r\n"},
		"450 quota":       {Final: "450 Disk quota exceeded\r\n"},
		"452 at once":     {Limit: 1, Final: "452 Insufficient storage space in system.\r\n"},
		"short, and said": {Limit: 100_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := ftptest.NewScript(t)
			srv.WriteFile("/old", []byte("the old text"), modTime)
			srv.WriteFile("/log", []byte("a line\n"), modTime)
			srv.Mkdir("/dir")
			mnt := mount(t, srv.URL(), "--staging-dir", filepath.Join(t.TempDir(), "staging"))
			t.Cleanup(func() { // before the mount ends: what waits may come
				for _, verb := range []string{"STOR", "APPE"} {
					srv.Plan(verb, ftptest.Plan{})
					srv.Handle(verb, nil)
				}
			})
			for _, verb := range []string{"STOR", "APPE"} {
				srv.Plan(verb, plan)
				if code, at, _ := strings.Cut(name, " "); at == "at begin" {
					srv.Reply(verb, code+" No room.\r\n")
				}
			}
			source := filepath.Join(t.TempDir(), "source")
			if err := os.WriteFile(source, noise(1<<20), 0o644); err != nil {
				t.Fatal(err)
			}
			texts := []string{"No space left on device", "Disk quota exceeded", "Input/output error"}
			short := plan.Limit == 100_000 && plan.Final == ""
			for what, script := range map[string]string{
				"cp":           `cp "$1" "$2/new"`,
				"cp over":      `cp "$1" "$2/old"`,
				"dd fsync":     `dd if="$1" of="$2/synced" conv=fsync status=none`,
				"append":       `cat "$1" >>"$2/log"`,
				"in the midst": `dd if="$1" of="$2/old" bs=4 count=1 seek=1 conv=notrunc status=none; dd if="$1" of="$2/x" bs=4k seek=100 status=none`,
				"cp -r":        `mkdir "$3/tree"; cp "$1" "$3/tree/f"; cp -r "$3/tree" "$2/dir/"`,
			} {
				if what == "in the midst" && plan.Limit == 100_000 {
					continue // the first is small enough
				}
				r := try(t, "bash", "-ec", script, "sh", source, mnt, t.TempDir())
				said := false
				for _, text := range texts[:len(texts)-1] {
					said = said || strings.Contains(r.out, text)
				}
				if short {
					said = strings.Contains(r.out, texts[2])
					if data, _ := srv.ReadFile("/log"); r.code == 0 && what == "append" && len(data) == 7+1<<20 {
						continue // it went on where the server had stopped
					} else if what == "append" {
						t.Errorf("/log has %d bytes", len(data))
					}
				}
				if r.code == 0 || !said {
					t.Errorf("%s: exit code %d, %q", what, r.code, r.out)
				}
			}
			if got, err := srv.ReadFile("/old"); err != nil || string(got) != "the old text" {
				t.Errorf("what was there before: %d bytes, %v", len(got), err)
			}
		})
	}
}

// Where the staging directory has no room, a write says so; what is written in
// order needs none.
func TestFullStagingDirectory(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t)
	small := t.TempDir()
	must(t, "mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", small)
	t.Cleanup(func() { _ = tryAfter("umount", "-l", small) })
	mnt := mount(t, srv.URL(), "--staging-dir", filepath.Join(small, "staging"))
	sh(t, `head -c 100M /dev/zero >"$1/streamed"; [ "$(stat -c %s "$1/streamed")" = 104857600 ]`, mnt)
	data, err := srv.ReadFile("/streamed")
	if err != nil || len(data) != 100<<20 {
		t.Errorf("on the server: %d bytes, %v", len(data), err)
	}
	got := python(t, told+`
f = os.open("staged", os.O_RDWR | os.O_CREAT, 0o644)
def fill():
	for i in reversed(range(100)): os.pwrite(f, os.urandom(1 << 20), i << 20)
told("write", fill)
os.close(f)
put("small", "works"); os.truncate("small", 3); put("small", "s", os.O_WRONLY); print(open("small").read())`, mnt)
	if got != "write ENOSPC\nsor\n" {
		t.Errorf("%s", got)
	}
	sh(t, `rm -f "$1/staged"`, mnt)
}
