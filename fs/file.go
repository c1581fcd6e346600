package fs

import (
	"context"
	"syscall"

	"ftpfs/cache"
	"ftpfs/ftpconn"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

var _ = (fs.NodeOpener)((*node)(nil))

// Open opens a file for reading, as its directory's listing describes it.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		return nil, 0, syscall.EROFS
	}
	full := n.path()
	e, err := n.entry(ctx)
	if err != nil {
		return nil, 0, n.t.errno("open", full, err)
	}
	if e.SizeRough {
		e.Size = -1
	}
	file, err := n.t.cache.Open(ctx, full, e)
	if err != nil {
		return nil, 0, n.t.errno("open", full, err)
	}
	h := &handle{t: n.t, path: full, file: file}
	if e.Size < 0 {
		// The kernel must not stop at a size that nobody knows.
		return h, fuse.FOPEN_DIRECT_IO, 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	// Pages that the kernel has are good only for the version that they are of.
	var keep uint32
	if n.content == nil || sameContent(n.content, &e) {
		keep = fuse.FOPEN_KEEP_CACHE
	}
	n.content = &e
	return h, keep, 0
}

func sameContent(a, b *ftpconn.Entry) bool {
	return a.Size == b.Size && a.ModTime.Equal(b.ModTime) && a.Unique == b.Unique
}

// handle is an open file.
type handle struct {
	t    *tree
	path string // when it was opened
	file *cache.File
}

var _ = (fs.FileReader)((*handle)(nil))

// Read answers with pieces of cached blocks, without a copy.
func (h *handle) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	pieces, err := h.file.Read(ctx, off, len(dest))
	if err != nil {
		return nil, h.t.errno("read", h.path, err)
	}
	if len(pieces) == 1 {
		return fuse.ReadResultData(pieces[0]), 0
	}
	return fuse.ReadResultVector(pieces), 0
}

var _ = (fs.FileReleaser)((*handle)(nil))

// Release ends the handle.
func (h *handle) Release(context.Context) syscall.Errno {
	return toErrno(h.file.Close())
}
