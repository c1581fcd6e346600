package fs

import (
	"syscall"
	"testing"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"

	"github.com/hanwen/go-fuse/v2/fuse"
)

func TestFill(t *testing.T) {
	mtime := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	tr := &tree{opts: Options{UID: 7, GID: 8, Umask: 0o022}, began: time.Unix(1000, 0)}
	for _, test := range []struct {
		name string
		e    ftpconn.Entry
		mode uint32
		size uint64
		sec  uint64
	}{
		{"file", ftpconn.Entry{Type: listing.File, Size: 1000, Mode: 0o666, HasMode: true, ModTime: mtime}, syscall.S_IFREG | 0o644, 1000, uint64(mtime.Unix())},
		{"no mode told", ftpconn.Entry{Type: listing.File, Size: 1}, syscall.S_IFREG | 0o644, 1, 1000},
		{"size not told", ftpconn.Entry{Type: listing.File, Size: -1}, syscall.S_IFREG | 0o644, 0, 1000},
		{"directory", ftpconn.Entry{Type: listing.Dir, Size: -1}, syscall.S_IFDIR | 0o755, 4096, 1000},
		{"set-id bits", ftpconn.Entry{Type: listing.File, Mode: 0o4755, HasMode: true}, syscall.S_IFREG | 0o755, 0, 1000},
		{"link", ftpconn.Entry{Type: listing.Symlink, Target: "abc", Size: 99}, syscall.S_IFLNK | 0o777, 3, 1000},
		{"device", ftpconn.Entry{Type: listing.BlockDevice, Size: 99}, syscall.S_IFBLK | 0o644, 0, 1000},
		{"before 1970", ftpconn.Entry{Type: listing.File, ModTime: time.Unix(-5, 0)}, syscall.S_IFREG | 0o644, 0, 0},
	} {
		var out fuse.Attr
		tr.fill(test.e, 42, &out)
		if out.Mode != test.mode || out.Size != test.size || out.Mtime != test.sec || out.Ino != 42 || out.Uid != 7 || out.Gid != 8 || out.Nlink != 1 {
			t.Errorf("%s: mode %o, size %d, mtime %d, %+v", test.name, out.Mode, out.Size, out.Mtime, out)
		}
	}
}
