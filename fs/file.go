package fs

import (
	"context"
	"sync"
	"syscall"

	"ftpfs/cache"
	"ftpfs/ftpconn"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

var _ = (fs.NodeOpener)((*node)(nil))

// Open opens a file, as its directory's listing describes it.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	ctx, done := patient(ctx)
	defer done()
	full := n.path()
	writes := flags&syscall.O_ACCMODE != syscall.O_RDONLY || flags&syscall.O_TRUNC != 0
	if writes && n.t.opts.ReadOnly {
		return nil, 0, syscall.EROFS
	}
	e, err := n.entry(ctx)
	if err != nil {
		return nil, 0, n.t.errno("open", full, err)
	}
	h := &handle{n: n, path: full, writes: writes, appends: flags&syscall.O_APPEND != 0}
	switch {
	case writes:
		h.draft, err = n.t.cache.Edit(ctx, full, e, flags&syscall.O_TRUNC != 0)
	default:
		h.draft = n.t.cache.Opened(full)
	}
	if h.draft != nil {
		n.draft.Store(h.draft)
	} else if err == nil {
		if e.SizeRough {
			e.Size = -1
		}
		h.file, err = n.t.cache.Open(ctx, full, e)
	}
	if err != nil {
		return nil, 0, n.t.errno("open", full, err)
	}
	n.handles.Add(1)
	if e.Size < 0 && h.draft == nil {
		// The kernel must not stop at a size that nobody knows.
		return h, fuse.FOPEN_DIRECT_IO, 0
	}
	keep := n.keepPages(e)
	if h.file != nil && h.file.Doubtful() {
		keep = 0
	}
	return h, keep, 0
}

// keepPages says whether the kernel may keep the pages that it has of a file:
// they are good only for the version that they are of.
func (n *node) keepPages(e ftpconn.Entry) (flags uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.content == nil || sameContent(n.content, &e) {
		flags = fuse.FOPEN_KEEP_CACHE
	}
	n.content = &e
	return flags
}

func sameContent(a, b *ftpconn.Entry) bool {
	return a.Size == b.Size && a.ModTime.Equal(b.ModTime) && a.Unique == b.Unique
}

// handle is an open file.
type handle struct {
	n       *node
	path    string // when it was opened
	writes  bool
	appends bool

	mu    sync.Mutex
	file  *cache.File  // what the server has; nil if it was opened as a draft
	draft *cache.Draft // what is being written, by whomever; nil if nobody is
}

// content returns what the handle reads from: the draft, as soon as anybody
// writes the file, and otherwise the version that the server has.
func (h *handle) content(ctx context.Context) (*cache.File, *cache.Draft, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draft != nil {
		return nil, h.draft, nil
	}
	if d := h.n.draft.Load(); d != nil && d.Use() {
		h.draft = d
		return nil, d, nil
	}
	if h.file.Outdated() && !h.n.orphan() {
		// It was written through another handle, which is closed by now.
		e, err := h.n.entry(ctx)
		if err != nil {
			return nil, nil, err
		}
		f, err := h.n.t.cache.Open(ctx, h.n.path(), e)
		if err != nil {
			return nil, nil, err
		}
		_ = h.file.Close()
		h.file = f
	}
	return h.file, nil, nil
}

var _ = (fs.FileReader)((*handle)(nil))

// Read answers with pieces of cached blocks, without a copy.
func (h *handle) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	ctx, done := patient(ctx)
	defer done()
	file, draft, err := h.content(ctx)
	if err != nil {
		return nil, h.n.t.errno("read", h.path, err)
	}
	if draft != nil {
		data, err := draft.Read(ctx, off, len(dest))
		if err != nil {
			return nil, h.n.t.errno("read", h.path, err)
		}
		return fuse.ReadResultData(data), 0
	}
	pieces, err := file.Read(ctx, off, len(dest))
	if err != nil {
		return nil, h.n.t.errno("read", h.path, err)
	}
	if len(pieces) == 1 {
		return fuse.ReadResultData(pieces[0]), 0
	}
	return fuse.ReadResultVector(pieces), 0
}

var _ = (fs.FileWriter)((*handle)(nil))

// Write changes the draft.
func (h *handle) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	if !h.writes {
		return 0, syscall.EBADF
	}
	ctx, done := patient(ctx)
	defer done()
	if err := h.draft.Write(ctx, data, off, h.appends); err != nil {
		return 0, h.n.t.errno("write", h.path, err)
	}
	return uint32(len(data)), 0
}

var _ = (fs.FileFlusher)((*handle)(nil))

// Flush is what close waits for, each time that one of the descriptors of the
// handle is closed.
func (h *handle) Flush(ctx context.Context) syscall.Errno {
	// What went wrong for good is told each time: copies of a descriptor are
	// closed by whoever was started meanwhile, too.
	if !h.writes || h.draft.Clean() || h.draft.Pristine() && heldOpen(ctx, h) {
		return 0
	}
	ctx, done := patient(ctx)
	defer done()
	return h.n.t.errno("close", h.path, h.draft.Finish(ctx))
}

var _ = (fs.FileFsyncer)((*handle)(nil))

// Fsync returns when the server has confirmed the content.
func (h *handle) Fsync(ctx context.Context, _ uint32) syscall.Errno {
	h.mu.Lock()
	d := h.draft
	h.mu.Unlock()
	if d == nil {
		return 0
	}
	ctx, done := patient(ctx)
	defer done()
	return h.n.t.errno("fsync", h.path, d.Sync(ctx))
}

var _ = (fs.FileReleaser)((*handle)(nil))

// Release ends the handle. What is not on the server then goes there in the
// background.
func (h *handle) Release(context.Context) syscall.Errno {
	h.mu.Lock()
	file, draft := h.file, h.draft
	h.mu.Unlock()
	if h.n.handles.Add(-1) == 0 {
		h.n.letGo()
	}
	if draft != nil {
		draft.Close()
	}
	if file != nil {
		return toErrno(file.Close())
	}
	return 0
}

// knownSize is the size of the content; -1 if it is not known.
func (h *handle) knownSize() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draft != nil {
		return h.draft.Size()
	}
	return h.file.Size()
}
