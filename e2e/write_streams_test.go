package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ftpfs/ftpconn/ftptest/realserver"
)

// TestStreaming: what is written in order goes to the server as it comes. It
// takes little memory, and no room on this machine.
func TestStreaming(t *testing.T) {
	needMounts(t)
	if raceEnabled {
		t.Skip("it is about memory, and the race detector takes a lot")
	}
	root := writableRoot(t)
	srv := realserver.Start(t, realserver.VSFTPD, realserver.Options{Root: root, Writable: true})
	small := t.TempDir()
	must(t, "mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", small)
	t.Cleanup(func() { _ = tryAfter("umount", "-l", small) })
	mnt := mount(t, srv.URL()+"w", "--staging-dir", filepath.Join(small, "staging"))
	pid := serving(mnt)
	before := peak(t, pid)
	// A number on each line: what is out of place is seen.
	const lines, sum = `seq 100000000 200000000 | head -c 512M`, `md5sum`
	got := sh(t, `set +o pipefail; `+lines+` | dd bs=1M iflag=fullblock of="$1/stream" status=none; stat -c %s "$1/stream"`, mnt)
	if got != "536870912\n" {
		t.Errorf("size: %s", got)
	}
	if grown := peak(t, pid) - before; grown > 200<<10 {
		t.Errorf("512 MiB took %d KiB of memory", grown)
	}
	if got, want := sh(t, sum+` <"$1/w/stream"`, root), sh(t, "set +o pipefail; "+lines+" | "+sum); got != want {
		t.Errorf("md5sum %s, want %s", got, want)
	}
	// Over itself, and two at once.
	sh(t, `head -c 50M /dev/urandom >"$3"; cp "$3" "$1/stream"; cmp "$3" "$2/w/stream"
		cp "$3" "$1/a" & cp "$3" "$1/b"; wait $!; cmp "$3" "$2/w/a"; cmp "$3" "$2/w/b"; cat "$1/b" >"$1/c"; cmp "$3" "$2/w/c"`, mnt, root, filepath.Join(t.TempDir(), "source"))
	if grown := peak(t, pid) - before; grown > 500<<10 { // what was read is kept in memory
		t.Errorf("it took %d KiB of memory", grown)
	}
}

// TestOvertakenStream: a file that is written out of order, or patched at once, is
// not sent as it was a moment before.
func TestOvertakenStream(t *testing.T) {
	onServers(t, []realserver.Kind{realserver.VSFTPD, realserver.PyFTPDLib}, func(t *testing.T, p place) {
		python(t, `
import os, sys
mnt, disk = sys.argv[1:]
def check(name, data):
	for dir in (disk, mnt):
		got = open(os.path.join(dir, name), "rb").read()
		bad = [i for i in range(0, len(data), 512) if got[i:i+512] != data[i:i+512]]
		assert got == data, (name, dir, len(got), len(data), bad[:1], bad[-1:])
for n in range(25):
	data = bytearray(os.urandom(2_000_000)); name = "f%d" % (n % 3)
	at = list(range(0, len(data), 65536))
	def put(order, patch=False):
		fd = os.open(os.path.join(mnt, name), os.O_RDWR | os.O_CREAT | (os.O_TRUNC if n % 2 else 0), 0o644); os.ftruncate(fd, 0)
		for i in order:
			os.pwrite(fd, data[i:i+65536], i)
			if patch and i: # what was written before, or just now
				j = i if n % 2 else i - 65536
				data[j+100:j+200] = os.urandom(100); os.pwrite(fd, data[j+100:j+200], j + 100)
		if patch: data[:9] = b"beginning"; os.pwrite(fd, data[:9], 0)
		os.close(fd); check(name, data)
	put(reversed(at)); put(at, True); put(at[::2] + at[1::2]); put(at[16:] + at[:16])
	os.rename(os.path.join(mnt, name), os.path.join(mnt, "g")); check("g", data); os.unlink(os.path.join(mnt, "g"))
`, p.mnt, p.disk)
	})
}

// peak is the most memory that a process ever had, in KiB.
func peak(t *testing.T, pid int) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(data), "VmHWM:")
	n := 0
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatalf("VmHWM: %v", err)
	}
	return n
}

// TestReadingAlong: whoever reads a file while it is written, through a handle or
// a mapping that was made before, sees each write as soon as it has returned, and
// never anything that was not written.
func TestReadingAlong(t *testing.T) {
	onServers(t, []realserver.Kind{realserver.VSFTPD}, func(t *testing.T, p place) {
		python(t, `
import mmap, os, random, sys, threading
mnt, disk = sys.argv[1:]
random.seed(1)
data = os.urandom(3_000_000)
for how in (os.O_CREAT | os.O_EXCL, os.O_TRUNC):
	fd = os.open(os.path.join(mnt, "f"), os.O_WRONLY | how, 0o644)
	reader = os.open(os.path.join(mnt, "f"), os.O_RDONLY)
	bad, over, at = [], threading.Event(), 0
	def follow():
		fd = os.open(os.path.join(mnt, "f"), os.O_RDONLY); seen = 0
		while not over.is_set():
			got = os.pread(fd, 70_000, max(0, seen - 5000))
			if got != data[max(0, seen - 5000):max(0, seen - 5000) + len(got)]: bad.append(seen)
			seen = max(0, seen - 5000) + len(got)
		os.close(fd)
	followers = [threading.Thread(target=follow) for _ in range(3)]
	for f in followers: f.start()
	view = None
	while at < len(data):
		n = random.choice((1, 100, 4096, 5000, 100_000))
		n = os.write(fd, data[at:at + n]); at += n
		look = max(0, at - 9000)
		assert os.pread(reader, 20_000, look) == data[look:at], (how, at)
		if view is None and at > 100_000: view = mmap.mmap(reader, 100_000, prot=mmap.PROT_READ)
		if view and how & os.O_TRUNC and random.random() < .05: # the followers would not know
			i = random.randrange(0, 99_000); patch = os.urandom(500)
			os.pwrite(fd, patch, i); data = data[:i] + patch + data[i + 500:]
			assert view[i:i + 500] == patch and os.pread(reader, 500, i) == patch, (how, at, i)
	over.set()
	for f in followers: f.join()
	os.close(fd); os.close(reader)
	if view: view.close()
	assert open(os.path.join(disk, "f"), "rb").read() == data, how
	if how & os.O_EXCL: assert not bad, bad[:5]
`, p.mnt, p.disk)
	})
}
