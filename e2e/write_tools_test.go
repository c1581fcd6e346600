package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ftpfs/ftpconn/ftptest/realserver"
)

// A job is done twice: in an ordinary directory and in the mount. What it
// prints must be the same, and what it leaves on the server's disk too.
type job struct {
	name   string
	needs  string // a program, if it is not everywhere
	script string // for bash; it works in "." and finds a tree of files in "$1"
	modes  bool   // permissions are compared too, where the server keeps them
	times  bool   // times of files are compared too
	free   bool   // the content differs each time: only the script checks
	chmod  bool   // it needs SITE CHMOD
}

var jobs = []job{
	{name: "cp", times: true, script: `
		cp "$1/f0" .; cp "$1/f0" other; cp "$1/f5" "$1/f6" "$1/empty" .; cp "$1/f9" f0
		cp -p "$1/f7" kept; cp f5 f5.copy; cp f5.copy f6
		touch -d @1000000000 f0 other f5 f6 empty f5.copy`},
	{name: "cp -r", script: `cp -r "$1" tree; cp -r tree again; diff -r tree again; diff -r "$1" tree`},
	{name: "cp -rp", modes: true, chmod: true, times: true, script: `cp -rp "$1" tree; chmod 600 tree/f1; chmod 700 tree/d; cp -rp tree again`},
	{name: "cp over a longer file", script: `cp "$1/big" f; cp "$1/f1" f; cmp "$1/f1" f; cp "$1/big" f; cmp "$1/big" f`},
	{name: "mv", script: `
		cp -r "$1" tree; mv tree/f0 f0; mv f0 f1; mv tree/f2 f1; cat f1 | md5sum; mv tree/d moved; mv moved tree/e; ls -R
		mkdir d1 d2; cp "$1/f3" d1; mv d1/f3 d2; mv d2/f3 d1/f4; mv d1 d2; ls -R; stat -c %s d2/d1/f4; mv tree/e/moved/deep .; mv deep tree/e/deeper; ls -AR tree`},
	{name: "mv over an empty directory", script: `mkdir a b; touch a/f; mv -T a b; ls -R`},
	{name: "mv from outside", times: true, script: `cp -rp "$1" "$TMP/out"; mv "$TMP/out" in; [ ! -e "$TMP/out" ]; mv in/f5 "$TMP/back"; cmp "$TMP/back" "$1/f5"; rm "$TMP/back"`},
	{name: "rm -r", script: `cp -r "$1" tree; rm tree/f0; rm -r tree/d; ls tree; rm -rf tree; ls -A; mkdir tree; touch tree/f; rm -r tree; ls -A`},
	{name: "mkdir", script: `mkdir -p a/b/c/d; mkdir -p a/b/c/d; mkdir a/x; mkdir a 2>&1 || true; mkdir n/o 2>&1 || true; rmdir a/x; rmdir -p a/b/c/d 2>&1; ls -A`},
	{name: "rmdir", script: `
		mkdir a b; touch a/f b/.hidden; rmdir a 2>&1 || true; rmdir b 2>&1 || true; ls -A a b
		rm a/f; rmdir a; rm b/.hidden; rmdir b; ls -A`},
	{name: "touch", times: true, script: `
		touch a b; touch -d "2001-02-03 04:05:06 UTC" a; stat -c %Y a; touch -r a b; stat -c %Y b
		echo text >c; touch -d @1234567890 c; stat -c %Y c; cat c; touch -m -d @1300000000 c; stat -c "%Y %s" c; touch -c nothing; ls`},
	{name: "time after writing", times: true, script: `echo 1 >f; exec 3>>f; echo 2 >&3; touch -d @1234567890 f; exec 3>&-; cat f; stat -c %Y f`},
	{name: "sed -i", script: `seq 1000 >f; sed -i s/7/seven/ f; md5sum <f; sed -i.bak 1d f; ls; sed -i d f.bak; ls -l f.bak | cut -d" " -f5`},
	{name: "append", script: `echo one >>f; cat f; echo two >>f; cat f; seq 10000 >>f; wc f; for i in 1 2 3 4 5; do echo $i >>g; done; cat g; cp "$1/f9" h; echo end >>h; tail -c 4 h; : >>h`},
	{name: "overwrite", script: `seq 10000 >f; echo short >f; cat f; >f; wc -c <f; seq 50000 >f; md5sum <f; echo x >|f`},
	{name: "tee", script: `seq 100 | tee a b >/dev/null; echo more | tee -a a; md5sum a b`},
	{name: "truncate", script: `
		seq 1000 >f; truncate -s 100 f; md5sum <f; truncate -s 5000 f; md5sum <f; truncate -s 0 f; truncate -s 100000 g; md5sum <g
		cp "$1/big" h; truncate -s -1 h; stat -c %s h; truncate -s +10 h; md5sum <h; exec 3<>h; truncate -s 3 h; cat <&3 | md5sum; exec 3>&-`},
	{name: "chmod", modes: true, chmod: true, script: `echo x >f; mkdir d; chmod 600 f; chmod 755 d; echo y >f; echo z >>f; chmod u+x f; chmod 750 d; touch g; chmod 644 g`},
	{name: "dd in the middle", script: `
		cp "$1/big" f; dd if="$1/f9" of=f bs=1000 seek=123 conv=notrunc status=none; md5sum <f
		dd if="$1/f8" of=f bs=4096 seek=0 count=1 conv=notrunc status=none; md5sum <f; printf end | dd of=f bs=1 seek=2999999 conv=notrunc status=none; md5sum <f`},
	{name: "dd sparse", script: `dd if="$1/f9" of=f bs=1000 seek=777 status=none; md5sum <f; dd if=/dev/null of=g bs=1M seek=3 status=none; stat -c %s g; cp --sparse=always "$1/holes" h; cmp "$1/holes" h`},
	{name: "dd fsync", script: `dd if="$1/big" of=f bs=64k conv=fsync status=none; dd if="$1/big" of=g bs=1M oflag=append conv=notrunc,fdatasync status=none; dd if="$1/f9" of=g bs=512 oflag=append conv=notrunc status=none; dd if=f of=h iflag=fullblock bs=100k oflag=sync status=none`},
	{name: "tar", times: true, script: `tar -C "$1" -cf "$TMP/t" .; mkdir x; tar -C x -xf "$TMP/t"; tar -C x -xf "$TMP/t"; tar -C "$1" -czf t.gz .; tar -tzf t.gz | sort | md5sum; rm t.gz "$TMP/t"; diff -r "$1" x`},
	{name: "rsync", needs: "rsync", modes: true, times: true, script: `
		rsync -a "$1/" copy; rsync -ai "$1/" copy; rsync -ain --checksum "$1/" copy; rsync -r copy/ back; diff -r copy back; rm -r back
		cp -rp "$1" "$TMP/src"; echo changed >>"$TMP/src/f5"; rm "$TMP/src/f6"; touch -d @1200000000 "$TMP/src/f5" "$TMP/src"
		rsync -ai --delete "$TMP/src/" copy; rsync -ai --delete "$TMP/src/" copy; rm -r "$TMP/src"`},
	{name: "rsync --inplace", needs: "rsync", script: `
		cp "$1/big" "$TMP/big"; rsync -I --inplace --no-whole-file "$TMP/big" .; printf middle | dd of="$TMP/big" bs=1 seek=1500000 conv=notrunc status=none
		rsync -I --inplace --no-whole-file "$TMP/big" .; cmp "$TMP/big" big; rsync --append-verify "$1/f9" . ; rsync --partial "$1/f8" .; rm "$TMP/big"`},
	{name: "zip", script: `python3 -c '
import zipfile, os, sys
z = zipfile.ZipFile("z.zip", "w", zipfile.ZIP_DEFLATED)
for n in ("f5", "f9", "empty", "big"): z.write(os.path.join(sys.argv[1], n), n, zipfile.ZIP_DEFLATED)
z.close()
z = zipfile.ZipFile("z.zip", "a"); z.writestr("more", "text"); z.close()
z = zipfile.ZipFile("z.zip"); print(z.testzip(), z.namelist()); z.extractall("x")
' "$1"; cmp x/f9 "$1/f9"; cmp x/big "$1/big"; cat x/more; rm z.zip`},
	{name: "eight writers", script: `for i in 0 1 2 3 4 5 6 7; do (for j in 1 2 3; do seq $((i * 1000 + j)) 40000 >f$i; done; cp "$1/big" g$i) & done; wait; md5sum f* g*`},
	{name: "O_EXCL", script: `set -C; echo a >f; echo b 2>&1 >f && echo written; cat f; python3 -c '
import os, errno
for n in ("f", "g", "g"):
	try: os.close(os.open(n, os.O_WRONLY | os.O_CREAT | os.O_EXCL)); print("made", n)
	except OSError as e: print(errno.errorcode[e.errno], n)
'`},
	{name: "O_APPEND of two", script: `
		two() { python3 -c 'import os, sys
fd = os.open("f", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
for i in range(100): os.write(fd, b"%s %d\n" % (sys.argv[1].encode(), i))
os.close(fd)' $1; }
		two a & two b & wait; sort f >g; rm f; wc -l g`},
	{name: "read your writes", script: `echo old >f; python3 -c '
import os
r = os.open("f", os.O_RDONLY); w = os.open("f", os.O_RDWR); b = os.open("f", os.O_RDWR | os.O_APPEND)
os.pwrite(w, b"new", 0); print(os.pread(r, 9, 0), os.fstat(r).st_size)
os.write(b, b"end"); print(os.pread(r, 9, 0), os.pread(w, 9, 4), os.stat("f").st_size)
os.pwrite(b, b"!", 0); os.ftruncate(w, 6); print(os.pread(r, 99, 0), os.fstat(b).st_size)
n = os.open("n", os.O_WRONLY | os.O_CREAT, 0o644); m = os.open("n", os.O_RDONLY)
for i in range(300): os.write(n, b"%07d\n" % i * 128); assert os.pread(m, 8, i * 1024 + 512) == b"%07d\n" % i, i
print(os.fstat(m).st_size); os.pwrite(n, b"begin", 0); print(os.pread(m, 8, 0), os.pread(m, 8, 1024)); os.close(n); print(os.pread(m, 8, 299 * 1024))
'`},
	{name: "unlink while open", script: `cp "$1/big" f; cp "$1/f9" h; python3 -c '
import os, hashlib
def md(fd): return hashlib.md5(os.pread(fd, 9999999, 0)).hexdigest()
f = os.open("f", os.O_RDWR); n = os.open("n", os.O_RDWR | os.O_CREAT, 0o644); h = os.open("h", os.O_RDWR)
os.write(n, b"new"); os.unlink("f"); os.unlink("n"); print(os.listdir("."))
print(md(f)); os.pwrite(f, b"changed", 1000000); print(md(f)); os.ftruncate(f, 1000003); print(md(f), os.fstat(f).st_size, os.fstat(f).st_nlink)
os.write(n, b" and more"); print(md(n), os.fstat(n).st_size); os.fsync(n)
os.pwrite(h, b"lost", 0); os.unlink("h"); g = os.open("h", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644); os.write(g, b"another"); os.pwrite(h, b"far", 100000)
os.close(h); os.close(g); os.close(f); os.close(n); print(os.listdir("."), open("h").read())
'`},
	{name: "rename while open", script: `cp "$1/f9" f; cp "$1/f8" old; mkdir d; python3 -c '
import os
f = os.open("f", os.O_RDWR); n = os.open("n", os.O_RDWR | os.O_CREAT, 0o644); o = os.open("old", os.O_RDWR)
os.pwrite(f, b"one", 0); os.write(n, b"first "); os.rename("f", "g"); os.rename("n", "d/m"); os.pwrite(f, b"two", 10); os.write(n, b"second")
os.rename("d", "e"); os.write(n, b" third"); os.rename("g", "old"); os.pwrite(f, b"three", 20); os.pwrite(o, b"gone", 0); print(os.pread(o, 4, 0), os.pread(f, 25, 0)[:3])
os.fsync(f); ino = os.fstat(f).st_ino == os.stat("old").st_ino; os.close(o); os.close(f); os.close(n); print(ino, sorted(os.listdir(".")), open("e/m").read())
'`},
	{name: "mmap", script: `cp "$1/big" f; python3 -c '
import mmap, os, hashlib
with open("f", "r+b") as f:
	m = mmap.mmap(f.fileno(), 0)
	m[0:5] = b"begin"; m[1500000:1500006] = b"middle"; m[-3:] = b"end"
	m.flush(); print(hashlib.md5(open("f", "rb").read()).hexdigest())
	m[4096:4100] = b"more"; m.close()
with open("g", "w+b") as f:
	f.truncate(100000); m = mmap.mmap(f.fileno(), 0)
	for i in range(0, 100000, 1000): m[i] = i // 1000
	f.close(); m.close()
'; md5sum f g`},
	{name: "lseek, pwrite and holes", script: `python3 -c '
import os, hashlib
f = os.open("f", os.O_RDWR | os.O_CREAT, 0o644)
for k in range(200):
	i = k * 7919 % 200; os.pwrite(f, bytes([k]) * 3000, i * 2500)
os.ftruncate(f, 600001); os.pwrite(f, b"z", 700000); print(os.lseek(f, 0, os.SEEK_END), hashlib.md5(os.pread(f, 800000, 0)).hexdigest()); os.close(f)
'`},
	{name: "one byte at a time", script: `python3 -c '
import os
f = os.open("f", os.O_WRONLY | os.O_CREAT, 0o644)
for i in range(3000): os.write(f, bytes([i % 251]))
os.close(f)'; md5sum f`},
	{name: "open for writing and nothing else", times: true, script: `cp -p "$1/f5" f; exec 3<>f; exec 3>&-; exec 3>>f; exec 3>&-; cmp f "$1/f5"; : >>f; cmp f "$1/f5"`},
	{name: "500 files", script: `cp -r "$1/../many" m; ls m | wc -l; find m -type f -size -300c | wc -l; diff -r m "$1/../many"`},
	{name: "git", needs: "git", free: true, script: `
		export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
		git init -q repo; cp -r "$1" repo/tree; rm repo/tree/big repo/tree/holes; rmdir repo/tree/e; cd repo; git add .; git commit -qm one; echo more >>tree/f5; git mv tree/f6 moved; git commit -qam two
		git checkout -q -b side HEAD~1; echo side >side; git add side; git commit -qm side; git merge -q -m merge master 2>/dev/null || git merge -q -m merge main
		git gc -q; git status --porcelain; git fsck --strict; cd ..; git clone -q repo clone; git -C clone fsck; [ -z "$(git -C clone status --porcelain)" ]; diff -r -x .git repo clone`},
	{name: "sqlite", free: true, script: `python3 -c '
import sqlite3
def check():
	db = sqlite3.connect("db")
	assert db.execute("pragma integrity_check").fetchone() == ("ok",)
	n = db.execute("select count(*), sum(a) from t").fetchone(); db.close(); return n
db = sqlite3.connect("db"); assert db.execute("pragma journal_mode=delete").fetchone() == ("delete",)
db.execute("create table t(a integer, b text)"); db.commit()
for i in range(5):
	db.executemany("insert into t values(?, ?)", [(j, "x" * 200) for j in range(i * 200, i * 200 + 200)]); db.commit()
db.execute("update t set b = ? where a % 3 = 0", ("y" * 300,)); db.commit()
db.execute("delete from t where a >= 900"); db.rollback()
db.execute("delete from t where a < 100"); db.commit()
print(check()); db.execute("vacuum"); db.close(); print(check())
'`},
	{name: "vim", needs: "vim", script: `
		seq 100 >f; seq 100 >g; HOME="$TMP" vim -Nu NONE -es -c 'set backup backupskip= backupcopy=no' -c '%s/5/five/' -c wq f </dev/null
		HOME="$TMP" vim -Nu NONE -es -c 'set backup backupskip= backupcopy=yes' -c '1,10d' -c wq g </dev/null; HOME="$TMP" vim -Nu NONE -es -c 'call setline(1, "new")' -c wq h </dev/null
		ls -A; cat f f~ g g~ h | md5sum`},
	{name: "what an editor does", script: `seq 100 >f; python3 -c '
import os
os.rename("f", "f~"); f = open("f", "w"); f.write("new text\n"); f.flush(); os.fsync(f.fileno()); f.close()
os.utime("f", (1e9, 1e9)); t = open(".f.tmp", "w"); t.write("newer"); t.flush(); os.fsync(t.fileno()); t.close(); os.replace(".f.tmp", "f"); d = os.open(".", os.O_RDONLY); os.fsync(d)
'; cat f f~; ls -A`},
	{name: "locks", script: `flock f -c 'echo locked >f'; flock -n f -c 'cat f'; python3 -c '
import fcntl, os
f = open("f", "r+"); fcntl.lockf(f, fcntl.LOCK_EX); g = os.fork()
if g == 0:
	h = open("f", "r+")
	try: fcntl.lockf(h, fcntl.LOCK_EX | fcntl.LOCK_NB)
	except OSError: print("locked by another", flush=True)
	os._exit(0)
os.wait()'`},
	{name: "links", free: true, script: `
		echo x >f; ! ln f g 2>err; grep -q "Operation not permitted" err; [ ! -e g ]
		if ln -s f l 2>err; then [ "$(readlink l)" = f ] && cat l && rm l; else grep -q "Operation not permitted" err; [ ! -e l ]; fi; rm err; [ "$(ls -A)" = f ]`},
	{name: "make", needs: "make", script: `
		printf 'all: c\nb: a\n\tcp a b\nc: b\n\tcat a b >c\n' >Makefile; echo 1 >a; touch -d @1500000000 a Makefile; make -s; make | sed 's/make.*: N/N/'; touch -d @1600000000 b c; touch -d @1700000000 a; make; cat c`},
	{name: "cat and redirection", script: `cat "$1/big" >f; cat f f >g; cat <f >>g; md5sum f g; { head -c 10 >h; cat; } <f >i; cat h i | cmp - f; exec 4>j; echo a >&4; echo b >&4; (echo c >&4); exec 4>&-; cat j`},
	{name: "install and others", modes: true, chmod: true, script: `install -m 755 "$1/f5" prog; install -d -m 755 a/b; ls | xargs -n1 echo; find . -type f -exec cp {} copy \; ; find . -name copy -delete; sort -o sorted <(seq 100 -1 1); shuf -i 1-1 -o one; split -l 30 sorted part.; ls; csplit -s sorted 50; cat xx00 xx01 | cmp - sorted; gzip -k sorted; gunzip -t sorted.gz; rm sorted.gz; mktemp -d tmp.XXXX >/dev/null; rmdir tmp.*; dd if=/dev/zero bs=1k count=5 status=none | md5sum`},
}

// sourceTree makes files for the jobs to copy.
func sourceTree(t *testing.T) string {
	t.Helper()
	base := t.TempDir()
	sh(t, `mkdir -p "$1/src/d/deep/deeper" "$1/src/e" "$1/many/sub"; cd "$1/src"; printf 0 >d/one; seq 9 >d/deep/nine; seq 99 >d/deep/deeper/.hidden; : >empty
		truncate -s 300000 holes; printf x | dd of=holes bs=1 seek=200000 conv=notrunc status=none
		cd ../many; for i in $(seq 250); do echo file $i >f$i; seq $i >sub/g$i; done`, base)
	for i := range 10 {
		if err := os.WriteFile(filepath.Join(base, "src", "f"+string(rune('0'+i))), noise(100+i*i*1000), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(base, "src/big"), noise(3000007), 0o644); err != nil {
		t.Fatal(err)
	}
	sh(t, `chmod -R u=rwX,go=rX "$1"; find "$1" -depth -exec touch -d @1400000000 {} +`, base)
	return filepath.Join(base, "src")
}

// TestWriting: ordinary programs do in a mount what they do in a directory.
func TestWriting(t *testing.T) {
	needMounts(t)
	src := sourceTree(t)
	onServers(t, realserver.All, func(t *testing.T, p place) {
		for _, j := range jobs {
			t.Run(j.name, func(t *testing.T) { j.do(t, p, src) })
		}
		t.Run("odd names", func(t *testing.T) { writeOddNames(t, p) })
		t.Run("a large file", func(t *testing.T) { writeLarge(t, p) })
		t.Run("nothing is left", func(t *testing.T) {
			if left := sh(t, `find "$1" -name "*ftpfs*" -o -name ".fuse*" -o -name "*conflict*"`, p.disk); left != "" {
				t.Errorf("%s", left)
			}
			settled(t, p.staging)
		})
		t.Run("no upload begins in the middle of a file", func(t *testing.T) {
			rest := map[string]bool{} // by connection
			for _, line := range strings.Split(readFile(t, p.trace), "\n") {
				before, command, ok := strings.Cut(line, " > ")
				if !ok {
					continue
				}
				conn := before[strings.LastIndex(before, "#")+1:]
				if rest[conn] && (strings.HasPrefix(command, "STOR ") || strings.HasPrefix(command, "APPE ")) {
					t.Errorf("%s", line)
				}
				rest[conn] = strings.HasPrefix(command, "REST ") && command != "REST 0"
			}
		})
	})
}

// prepare precedes the scripts. Python is the system's.
const prepare = `umask 022; TMP="$3"; PATH="/usr/bin:$PATH"; export TMP; cd "$1"; set -- "$2"; `

// twins are the jobs that were done in ordinary directories below a tree of
// files: once, for all servers.
var twins = struct {
	sync.Mutex
	said map[string]string
}{said: map[string]string{}}

// twin does a job in an ordinary directory, and returns that and what it
// printed.
func (j job) twin(t *testing.T, src string) (dir, said string) {
	t.Helper()
	twins.Lock()
	defer twins.Unlock()
	dir = filepath.Join(filepath.Dir(src), "twins", j.name)
	said, ok := twins.said[dir]
	if !ok {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		said = sh(t, prepare+j.script, dir, src, t.TempDir())
		twins.said[dir] = said
	}
	return dir, said
}

func (j job) do(t *testing.T, p place, src string) {
	if _, err := exec.LookPath(j.needs); j.needs != "" && err != nil {
		t.Skipf("no %s", j.needs)
	}
	name := strings.ReplaceAll(j.name, " ", "_")
	work, disk := filepath.Join(p.mnt, name), filepath.Join(p.disk, name)
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	twin, want := "", ""
	if !j.free {
		twin, want = j.twin(t, src)
	}
	r := try(t, "bash", "-euo", "pipefail", "-c", prepare+j.script, "sh", work, src, t.TempDir())
	if r.code != 0 && j.chmod && !p.keepsModes() && (strings.Contains(r.out, "Operation not permitted") || strings.Contains(r.out, "Permission denied") || strings.Contains(r.out, "Operation not supported")) {
		t.Skip("the server has no SITE CHMOD, and that is said")
	}
	if r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.out)
	}
	if p.later {
		settled(t, p.staging)
	}
	if j.free {
		// What it left must at least look the same from both sides.
		sh(t, `diff -r "$1" "$2"`, disk, work)
		return
	}
	if r.out != want {
		t.Errorf("it prints\n%s\nand in a directory\n%s", r.out, want)
	}
	format := "%y %P %l"
	if j.times {
		format += " %Ts"
	}
	if j.modes && p.keepsModes() {
		format += " %m"
	}
	for _, seen := range []string{disk, work} {
		// Sizes are compared by diff; the times of directories change by
		// what happens in them.
		if d := try(t, "diff", "-r", twin, seen); d.code != 0 {
			t.Errorf("content: %s", d.out)
		}
		const list = `diff <(cd "$1"; find . ! -type d -printf "$3\n" | sort) <(cd "$2"; find . ! -type d -printf "$3\n" | sort)
			diff <(cd "$1"; find . -type d -printf "${3/ %Ts}\n" | sed 1d | sort) <(cd "$2"; find . -type d -printf "${3/ %Ts}\n" | sed 1d | sort)`
		if d := try(t, "bash", "-c", list, "sh", twin, seen, format); d.out != "" {
			t.Errorf("names and attributes: %s", d.out)
		}
	}
}

func writeOddNames(t *testing.T, p place) {
	for _, n := range append([]string{"\x01control", "tab\tname", "-", "--", "a?b", "$HOME", "&", "|", "<>", "  ", "..a", "CON", "ü\u0308", strings.Repeat("日", 85)}, oddNames...) {
		if p.kind == realserver.PureFTPd && (strings.ContainsAny(n, "\\\x01\t") || strings.HasSuffix(n, " ")) {
			continue // it prohibits a backslash in names, and makes "_" of control characters and of spaces at the end
		}
		dir := n
		if p.kind == realserver.ProFTPD && strings.Contains(n, "*") {
			dir = "star" // it prohibits that in names of directories
		}
		dir, seen := filepath.Join(p.mnt, "odd", dir), filepath.Join(p.disk, "odd", dir)
		check := func(name, want string) {
			t.Helper()
			for _, where := range []string{seen, dir} {
				if got, err := os.ReadFile(filepath.Join(where, name)); err != nil || string(got) != want {
					t.Errorf("%q: %q, %v, want %q", name, got, err, want)
				}
			}
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Errorf("%q: %v", n, err)
			continue
		}
		name := filepath.Join(dir, n)
		for _, content := range []string{"one", "two, longer"} {
			if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
				t.Errorf("%q: %v", n, err)
			}
			check(n, content)
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Errorf("%q: %v", n, err)
			continue
		}
		if _, err := f.WriteString(" and more"); err != nil {
			t.Errorf("%q: %v", n, err)
		}
		if err := f.Close(); err != nil {
			t.Errorf("%q: %v", n, err)
		}
		check(n, "two, longer and more")
		if err := os.Rename(name, filepath.Join(dir, "plain")); err != nil {
			t.Errorf("%q: %v", n, err)
		}
		check("plain", "two, longer and more")
		if err := os.Rename(filepath.Join(dir, "plain"), name); err != nil {
			t.Errorf("%q: %v", n, err)
		}
		check(n, "two, longer and more")
		if got := names(t, seen); len(got) != 1 || got[0] != n {
			t.Errorf("%q: on the server: %q", n, got)
		}
		if err := os.Remove(name); err != nil {
			t.Errorf("%q: %v", n, err)
		}
		if err := os.Remove(dir); err != nil {
			t.Errorf("%q: %v", n, err)
		}
	}
	if got := names(t, filepath.Join(p.disk, "odd")); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}

func writeLarge(t *testing.T, p place) {
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, noise(64<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	sh(t, `cp "$1" "$2/large"; cmp "$1" "$3/large"; cmp "$1" "$2/large"`, large, p.mnt, p.disk)
	// Over itself, and with a change in the middle.
	sh(t, `cp "$1" "$2/large"; cmp "$1" "$3/large"
		printf middle | tee >(dd of="$1" bs=1 seek=40000000 conv=notrunc status=none) | dd of="$2/large" bs=1 seek=40000000 conv=notrunc status=none
		sleep 0.2; cmp "$1" "$3/large"; rm "$2/large"; [ ! -e "$3/large" ]`, large, p.mnt, p.disk)
}
