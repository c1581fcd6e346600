package fs

import (
	"context"
	"path"
	"syscall"

	"ftpfs/cache"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

var _ = (fs.NodeOpendirHandler)((*node)(nil))

// OpendirHandle opens a directory: the handle shows one listing, from begin
// to end.
func (n *node) OpendirHandle(ctx context.Context, _ uint32) (fs.FileHandle, uint32, syscall.Errno) {
	full := n.path()
	d, err := n.t.cache.Dir(ctx, full)
	if err != nil {
		return nil, 0, n.t.errno("opendir", full, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	// The kernel may repeat what it has as long as that is this listing. An
	// opendir without the flag makes it forget.
	var flags uint32
	if n.dir == d {
		flags = fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE
	} else {
		flags = fuse.FOPEN_CACHE_DIR
	}
	n.dir = d
	return &dirHandle{n: n, dir: d}, flags, 0
}

// dirHandle is an open directory. go-fuse serialises the calls of one handle.
type dirHandle struct {
	n    *node
	dir  *cache.Dir
	next int // what comes next: ".", "..", then the entries
}

const dots = 2

var _ = (fs.FileReaddirenter)((*dirHandle)(nil))

// Readdirent returns the next entry; nil is the end.
func (h *dirHandle) Readdirent(context.Context) (*fuse.DirEntry, syscall.Errno) {
	i := h.next
	if i >= h.dir.Len()+dots {
		return nil, 0
	}
	h.next++
	de := &fuse.DirEntry{Off: uint64(h.next), Mode: syscall.S_IFDIR}
	switch i {
	case 0:
		de.Name, de.Ino = ".", h.n.StableAttr().Ino
	case 1:
		de.Name, de.Ino = "..", h.n.StableAttr().Ino
		if _, parent := h.n.Parent(); parent != nil {
			de.Ino = parent.StableAttr().Ino
		}
	default:
		e := h.dir.At(i - dots)
		de.Name, de.Mode = e.Name, fileType(e.Type)
		if child := h.n.GetChild(e.Name); child != nil {
			de.Ino = child.StableAttr().Ino
		}
	}
	return de, 0
}

var _ = (fs.FileSeekdirer)((*dirHandle)(nil))

// Seekdir goes to an offset that an entry had.
func (h *dirHandle) Seekdir(_ context.Context, off uint64) syscall.Errno {
	if off > uint64(h.dir.Len()+dots) {
		return syscall.EINVAL
	}
	h.next = int(off)
	return 0
}

var _ = (fs.FileLookuper)((*dirHandle)(nil))

// Lookup gives readdirplus the attributes of an entry that it lists.
func (h *dirHandle) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	e, ok := h.dir.Lookup(name)
	if !ok {
		return nil, h.n.t.errno("lookup", path.Join(h.n.path(), name), syscall.ENOENT)
	}
	return h.n.child(ctx, e, out), 0
}
