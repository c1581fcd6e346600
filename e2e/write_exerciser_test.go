package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ftpfs/ftpconn/ftptest/realserver"

	"golang.org/x/sys/unix"
)

// often is how often something is done: the number in an environment variable,
// or n.
func often(t *testing.T, variable string, n int) int {
	t.Helper()
	if text := os.Getenv(variable); text != "" {
		more, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("%s: %v", variable, err)
		}
		return more
	}
	return n
}

// seed is the same each time, unless FTPFS_SEED has another one, or is "random".
func seed(t *testing.T) uint64 {
	t.Helper()
	s := uint64(1)
	switch text := os.Getenv("FTPFS_SEED"); text {
	case "":
	case "random":
		s = rand.Uint64()
	default:
		var err error
		if s, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("FTPFS_SEED: %v", err)
		}
	}
	t.Logf("FTPFS_SEED=%d", s)
	return s
}

// TestExerciser does random things to one file and compares what it reads with
// what it must be. FTPFS_EXERCISE=20000 does more of them.
func TestExerciser(t *testing.T) {
	onServers(t, []realserver.Kind{realserver.VSFTPD, realserver.PyFTPDLib}, func(t *testing.T, p place) {
		for _, mode := range []string{"write", "mmap", "reopen", "large"} {
			t.Run(mode, func(t *testing.T) {
				x := &exerciser{
					t: t, rnd: rand.New(rand.NewPCG(seed(t), 0)), name: filepath.Join(p.mnt, mode), disk: filepath.Join(p.disk, mode),
					mapped: mode == "mmap", reopens: mode == "reopen", limit: 256 << 10,
				}
				if mode == "large" { // it is sent while it is written
					x.mapped, x.reopens, x.limit = true, true, 6<<20
				}
				x.run(often(t, "FTPFS_EXERCISE", 600))
			})
		}
	})
}

type exerciser struct {
	t               *testing.T
	rnd             *rand.Rand
	name, disk      string
	mapped, reopens bool
	limit           int  // size
	unseen          bool // the server's disk is not to be seen

	file *os.File
	want []byte
	past []string // what was done
}

func (x *exerciser) run(n int) {
	x.open(os.O_CREATE | os.O_EXCL)
	defer func() { _ = x.file.Close() }()
	for range n {
		x.step()
		if x.t.Failed() {
			x.t.Fatalf("the last that was done:\n%s", strings.Join(x.past[max(0, len(x.past)-25):], "\n"))
		}
	}
	x.read(0, len(x.want))
	if err := x.file.Close(); err != nil {
		x.t.Errorf("close: %v", err)
	}
	x.compareDisk()
}

func (x *exerciser) did(format string, args ...any) {
	x.past = append(x.past, fmt.Sprintf(format, args...))
}

func (x *exerciser) open(flag int) {
	var err error
	if x.file, err = os.OpenFile(x.name, os.O_RDWR|flag, 0o644); err != nil {
		x.t.Fatalf("open: %v", err)
	}
}

// part is a random part of the file, or of what it could become.
func (x *exerciser) part(limit int) (off, n int) {
	if limit == 0 {
		return 0, 0
	}
	off = x.rnd.IntN(limit)
	n = 1 + x.rnd.IntN(min(limit-off, 1<<x.rnd.IntN(bits.Len(uint(x.limit))-1)))
	return off, n
}

func (x *exerciser) step() {
	switch x.rnd.IntN(12) {
	case 0, 1, 2:
		if off, n := x.part(len(x.want)); n > 0 {
			x.read(off, n)
		}
	case 3, 4, 5:
		off, n := x.part(x.limit)
		x.write(off, n)
	case 6: // behind what is there
		x.write(len(x.want), min(1+x.rnd.IntN(x.limit/4), x.limit-len(x.want)))
	case 7:
		n := x.rnd.IntN(x.limit)
		if x.rnd.IntN(2) == 0 {
			n = x.rnd.IntN(len(x.want) + 1)
		}
		x.truncate(n)
	case 8:
		if x.mapped {
			x.mapRead()
		}
	case 9:
		if x.mapped {
			x.mapWrite()
		}
	case 10:
		if x.rnd.IntN(4) == 0 {
			x.did("fsync")
			if err := x.file.Sync(); err != nil {
				x.t.Errorf("fsync: %v", err)
			}
			x.compareDisk()
		}
	case 11:
		x.reopen()
	}
	if info, err := x.file.Stat(); err != nil || info.Size() != int64(len(x.want)) {
		x.t.Errorf("size: %v, %v, want %d", info.Size(), err, len(x.want))
	}
}

func (x *exerciser) reopen() {
	if !x.reopens && x.rnd.IntN(8) > 0 {
		return
	}
	if err := x.file.Close(); err != nil {
		x.t.Errorf("close: %v", err)
	}
	x.compareDisk()
	flag := 0
	if x.rnd.IntN(6) == 0 {
		flag, x.want = os.O_TRUNC, nil
	}
	x.did("close and open %#x", flag)
	x.open(flag)
}

func (x *exerciser) read(off, n int) {
	x.did("read %d at %d", n, off)
	got := make([]byte, n)
	if k, err := x.file.ReadAt(got, int64(off)); err != nil && !errors.Is(err, io.EOF) || k != n {
		x.t.Errorf("read: %d, %v, want %d", k, err, n)
		return
	}
	x.compare("read", off, got)
}

func (x *exerciser) write(off, n int) {
	if n <= 0 {
		return
	}
	x.did("write %d at %d, size %d", n, off, len(x.want))
	data := x.fresh(n)
	if k, err := x.file.WriteAt(data, int64(off)); err != nil {
		x.t.Errorf("write: %d, %v", k, err)
	}
	if grow := off + n - len(x.want); grow > 0 {
		x.want = append(x.want, make([]byte, grow)...)
	}
	copy(x.want[off:], data)
}

func (x *exerciser) fresh(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(x.rnd.Uint32())
	}
	return data
}

func (x *exerciser) truncate(n int) {
	x.did("truncate %d to %d", len(x.want), n)
	if err := x.file.Truncate(int64(n)); err != nil {
		x.t.Errorf("truncate: %v", err)
	}
	if n > len(x.want) {
		x.want = append(x.want, make([]byte, n-len(x.want))...)
	}
	x.want = x.want[:n:n]
}

// mapping maps the page-aligned surroundings of a part of the file.
func (x *exerciser) mapping(protection int, use func(mapped []byte, begin, off, n int)) {
	off, n := x.part(len(x.want))
	if n == 0 {
		return
	}
	begin := off &^ (os.Getpagesize() - 1)
	mapped, err := unix.Mmap(int(x.file.Fd()), int64(begin), off+n-begin, protection, unix.MAP_SHARED)
	if err != nil {
		x.t.Errorf("mmap: %v", err)
		return
	}
	use(mapped, begin, off, n)
	if err := unix.Munmap(mapped); err != nil {
		x.t.Errorf("munmap: %v", err)
	}
}

func (x *exerciser) mapRead() {
	x.mapping(unix.PROT_READ, func(mapped []byte, begin, off, n int) {
		x.did("mapped read %d at %d", n, off)
		x.compare("mapped read", off, mapped[off-begin:])
	})
}

func (x *exerciser) mapWrite() {
	x.mapping(unix.PROT_READ|unix.PROT_WRITE, func(mapped []byte, begin, off, n int) {
		x.did("mapped write %d at %d", n, off)
		copy(x.want[off:], x.fresh(n))
		copy(mapped[off-begin:], x.want[off:off+n])
		if x.rnd.IntN(2) == 0 {
			if err := unix.Msync(mapped, unix.MS_SYNC); err != nil {
				x.t.Errorf("msync: %v", err)
			}
		}
	})
}

func (x *exerciser) compare(what string, off int, got []byte) {
	want := x.want[off : off+len(got)]
	if bytes.Equal(got, want) {
		return
	}
	for i := range got {
		if got[i] != want[i] {
			x.t.Errorf("%s of %d bytes at %d: the first difference is at %d: %#x, want %#x (size %d)", what, len(got), off, off+i, got[i], want[i], len(x.want))
			return
		}
	}
}

// compareDisk looks at what the server has.
func (x *exerciser) compareDisk() {
	if x.unseen {
		return
	}
	got, err := os.ReadFile(x.disk)
	if err != nil || len(got) != len(x.want) {
		x.t.Errorf("on the server: %d bytes, %v, want %d", len(got), err, len(x.want))
		return
	}
	x.compare("on the server", 0, got)
}
