package fs

import (
	"syscall"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// blockSize is what programs are advised to read at once.
const blockSize = 128 << 10

// writeSize is the same for a file that is being written: each write is a
// message to this process, and cp then makes few of them.
const writeSize = maxWrite

// fileType is the S_IFMT part of the mode.
func fileType(t listing.Type) uint32 {
	switch t {
	case listing.Dir:
		return syscall.S_IFDIR
	case listing.Symlink:
		return syscall.S_IFLNK
	case listing.CharDevice:
		return syscall.S_IFCHR
	case listing.BlockDevice:
		return syscall.S_IFBLK
	case listing.FIFO:
		return syscall.S_IFIFO
	case listing.Socket:
		return syscall.S_IFSOCK
	}
	return syscall.S_IFREG
}

// fill writes the attributes of an entry.
func (t *tree) fill(e ftpconn.Entry, ino uint64, out *fuse.Attr) {
	kind := fileType(e.Type)
	perm := uint32(0o644)
	if kind == syscall.S_IFDIR {
		perm = 0o755
	}
	if e.HasMode {
		perm = uint32(e.Mode) & 0o777 // no set-id bits from a server
	}
	if kind == syscall.S_IFLNK {
		perm = 0o777
	} else {
		perm &^= t.opts.Umask
	}
	out.Ino = ino
	out.Mode = kind | perm
	out.Uid, out.Gid = t.opts.UID, t.opts.GID
	// One link for a directory says that the number of its subdirectories is
	// not known; find relies on it otherwise.
	out.Nlink = 1
	out.Size = 0
	switch kind {
	case syscall.S_IFREG:
		out.Size = uint64(max(0, e.Size))
	case syscall.S_IFLNK:
		out.Size = uint64(len(e.Target))
	case syscall.S_IFDIR:
		out.Size = 4096
	}
	out.Blocks = (out.Size + 511) / 512
	out.Blksize = blockSize
	mtime := e.ModTime
	if mtime.IsZero() {
		mtime = t.began
	}
	if mtime.Unix() < 0 {
		mtime = time.Unix(0, 0)
	}
	out.SetTimes(&mtime, &mtime, &mtime)
}
