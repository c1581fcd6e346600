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
	ctx, done := patient(ctx)
	defer done()
	full := n.path()
	d, err := n.t.cache.Dir(ctx, full)
	if err != nil {
		return nil, 0, n.t.errno("opendir", full, err)
	}
	return &dirHandle{n: n, dir: d}, n.kernelListing(d), 0
}

// kernelListing says whether the kernel may keep a listing, and repeat it. What
// it keeps it does not let go when a directory is opened without leave to use
// it: it has to be told to.
func (n *node) kernelListing(d *cache.Dir) (flags uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch n.dir {
	case d:
		return fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE
	case nil:
		n.dir = d
		return fuse.FOPEN_CACHE_DIR
	}
	if !n.forgetting {
		n.forgetting = true
		go func() { // the kernel may wait for the answer to this call before it does so
			errno := n.NotifyContent(0, 0)
			n.mu.Lock()
			defer n.mu.Unlock()
			n.forgetting = false
			if errno == 0 {
				n.dir = nil
			}
		}()
	}
	return 0
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
	e, ok := h.n.t.cache.Current(h.n.path(), h.dir, name)
	if !ok {
		return nil, h.n.t.errno("lookup", path.Join(h.n.path(), name), syscall.ENOENT)
	}
	return h.n.child(ctx, e, out), 0
}

var _ = (fs.FileFsyncdirer)((*dirHandle)(nil))

// Fsyncdir has nothing to do: what changed a directory is on the server.
func (h *dirHandle) Fsyncdir(context.Context, uint32) syscall.Errno { return 0 }
