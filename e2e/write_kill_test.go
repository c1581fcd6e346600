package e2e

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ftpfs/ftpconn/ftptest/realserver"
)

// killed writes files until it gets an error: each has its number, noise, and
// the checksum of both. A line tells of each begin and each success.
const killed = `
import hashlib, os, random, sys
dir, log, n = sys.argv[1], os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), int(sys.argv[3])
def tell(*what): os.write(log, (" ".join(map(str, what)) + "\n").encode())
try:
	while True:
		n += 1
		name = random.choice(["old%d" % random.randrange(5), "new%d" % n, "sub/old%d" % random.randrange(2)])
		data = b"%015d " % n + os.urandom(random.choice([10, 3000, 200_000, 2_000_000]))
		data += hashlib.sha256(data).hexdigest().encode()
		tell("begin", name, n)
		how = random.randrange(4)
		target = os.path.join(dir, name + (".part" if how == 3 else ""))
		fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
		at = list(range(0, len(data), 65536))
		if how == 1: at.reverse()
		for i in at: os.pwrite(fd, data[i:i+65536], i)
		if how == 2: os.fsync(fd); tell("done", name, n)
		os.close(fd)
		if how == 3: os.rename(target, os.path.join(dir, name))
		tell("done", name, n)
except OSError as e: print(e)
`

// TestKill kills the mount while files are written. What was confirmed must be
// on the server, or come to it with the next mount; no file may be half there.
// FTPFS_KILLS=200 kills more often.
func TestKill(t *testing.T) {
	needMounts(t)
	for _, c := range []struct {
		name  string
		kind  realserver.Kind
		flags []string
	}{
		{"vsftpd", realserver.VSFTPD, nil},
		{"pyftpdlib", realserver.PyFTPDLib, nil},
		{"write-back", realserver.VSFTPD, []string{"--write-back"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := writableRoot(t)
			srv := realserver.Start(t, c.kind, realserver.Options{Root: root, Writable: true})
			k := &killer{
				t: t, url: srv.URL() + "w", disk: filepath.Join(root, "w"), staging: stagingDir(t), dir: mountDir(t), writeBack: c.flags != nil,
				log: filepath.Join(t.TempDir(), "done"), trace: filepath.Join(t.TempDir(), "trace"), began: map[string][]int{}, done: map[string]int{},
			}
			k.flags = append([]string{"mount", "--staging-dir", k.staging, "--trace", k.trace, "--log-file", k.trace + ".log"}, c.flags...)
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("trace:\n%s\nlog:\n%s", tail(k.trace), tail(k.trace+".log"))
				}
			})
			rnd := rand.New(rand.NewPCG(seed(t), 0))
			sh(t, `mkdir -m 777 "$1/sub"`, k.disk)
			for round := range often(t, "FTPFS_KILLS", 6) {
				k.round(time.Duration(20+rnd.IntN(700)) * time.Millisecond)
				if t.Failed() {
					t.Fatalf("in round %d", round)
				}
			}
		})
	}
}

type killer struct {
	t                       *testing.T
	url, disk, staging, dir string
	log, trace              string
	flags                   []string
	writeBack               bool
	last                    int              // number of a file
	began                   map[string][]int // numbers by name
	done                    map[string]int   // the last that was confirmed
}

func (k *killer) round(life time.Duration) {
	t := k.t
	must(t, ftpfs, append(k.flags, k.url, k.dir)...)
	pid := serving(k.dir)
	if pid == 0 {
		t.Fatal("no process serves the mount")
	}
	writer := exec.Command("/usr/bin/python3", "-c", killed, k.dir, k.log, strconv.Itoa(k.last))
	var said bytes.Buffer
	writer.Stdout, writer.Stderr = &said, &said
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	for range 500 { // until it has begun
		if info, err := os.Stat(k.log); err == nil && info.Size() > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(life)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := writer.Wait(); err != nil || said.Len() == 0 {
		t.Errorf("the writer: %v, %s", err, &said)
	}
	if text := said.String(); !strings.Contains(text, "not connected") && !strings.Contains(text, "connection abort") {
		t.Errorf("the writer ended before the mount: %s", text)
	}
	_ = tryAfter("umount", "-l", k.dir)
	time.Sleep(200 * time.Millisecond) // the server sees the end of its connections
	k.readLog()
	if !k.writeBack {
		// What was confirmed is there already, or what came after it.
		for name, n := range k.done {
			if got := k.number(name); got < n {
				t.Errorf("%s on the server: %d, and %d was confirmed", name, got, n)
			}
		}
	}
	must(t, ftpfs, append(k.flags, k.url, k.dir)...)
	settled(t, k.staging)
	for range 100 { // what is left under temporary names is removed in the background
		if must(t, "find", k.disk, "-name", ".ftpfs-*") == "" {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	k.check()
	sh(t, `diff -r "$1" "$2"`, k.disk, k.dir)
	must(t, ftpfs, "umount", k.dir)
	sh(t, `find "$1" -name "new*" -delete`, k.disk)
	for name := range k.done {
		if strings.HasPrefix(name, "new") {
			delete(k.done, name)
		}
	}
}

func (k *killer) readLog() {
	data, err := os.ReadFile(k.log)
	if err != nil {
		k.t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		var what, name string
		var n int
		if _, err := fmt.Sscan(lines.Text(), &what, &name, &n); err != nil {
			k.t.Fatalf("%q: %v", lines.Text(), err)
		}
		if what == "begin" {
			k.began[name] = append(k.began[name], n)
			k.last = max(k.last, n)
		} else {
			k.done[name] = n
		}
	}
	if err := os.Truncate(k.log, 0); err != nil {
		k.t.Fatal(err)
	}
}

// number is the number of a whole file on the server, -1 if there is none.
func (k *killer) number(name string) int {
	data, err := os.ReadFile(filepath.Join(k.disk, name))
	if os.IsNotExist(err) {
		return -1
	}
	if err != nil {
		k.t.Fatal(err)
	}
	const tail = 2 * sha256.Size
	if len(data) > 16+tail {
		sum := sha256.Sum256(data[:len(data)-tail])
		if hex.EncodeToString(sum[:]) == string(data[len(data)-tail:]) {
			n, err := strconv.Atoi(strings.TrimSpace(string(data[:16])))
			if err == nil {
				return n
			}
		}
	}
	return -2 // half of a file
}

// check looks at all that is on the server when nothing is under way.
func (k *killer) check() {
	out := must(k.t, "find", k.disk, "-type", "f", "-printf", "%P\n")
	found := map[string]bool{}
	for _, name := range strings.Fields(out) {
		found[name] = true
		n := k.number(name)
		known := false
		for _, b := range k.began[strings.TrimSuffix(name, ".part")] {
			known = known || b == n
		}
		switch {
		case n == -2:
			info, _ := os.Stat(filepath.Join(k.disk, name))
			k.t.Errorf("%s is half of a file: %d bytes (the last that was confirmed is %d)", name, info.Size(), k.done[name])
		case !known:
			k.t.Errorf("%s has the content of file %d, which was not written under that name", name, n)
		case n < k.done[name]:
			k.t.Errorf("%s has file %d, and %d was confirmed", name, n, k.done[name])
		}
	}
	for name, n := range k.done {
		if !found[name] {
			k.t.Errorf("%s is not there, and %d was confirmed", name, n)
		}
	}
}
