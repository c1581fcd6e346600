package cache

import (
	"context"
	"sync"
	"sync/atomic"

	"ftpfs/ftpconn"
)

// File is an open file: one version of it. All Files of a version share its
// blocks and its transfers.
type File struct {
	c       *content
	mu      sync.Mutex // guards pattern and closed
	pattern pattern
	closed  bool

	edits atomic.Int64 // Cache.edits when it was looked at last
	old   atomic.Bool  // this mount has changed the file since
}

// Open opens the file at a path as e describes it. Nothing is asked of the
// server before the first Read.
func (c *Cache) Open(_ context.Context, name string, e ftpconn.Entry) (*File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ftpconn.ErrClosed
	}
	e = c.toldLocked(name, e)
	key := c.keyLocked(name, e)
	return &File{c: c.contentLocked(key, c.knownLocked(name, e)), pattern: pattern{limit: min(maxWindow, max(minWindow, c.cfg.Size/16))}}, nil
}

// contentLocked returns the content of a key, with one more user.
func (c *Cache) contentLocked(key contentKey, e ftpconn.Entry) *content {
	t := c.contents[key]
	if t == nil {
		t = newContent(c, key, e)
		c.doubtStaleLocked(t)
		c.contents[key] = t
	}
	t.users++
	return t
}

// keyLocked names the content that a path has now.
func (c *Cache) keyLocked(name string, e ftpconn.Entry) contentKey {
	return contentKey{path: name, epoch: c.epoch + c.epochs[name], version: versionOf(e)}
}

func versionOf(e ftpconn.Entry) version {
	v := version{size: e.Size, unique: e.Unique}
	if !e.ModTime.IsZero() {
		v.mtime = e.ModTime.UnixNano()
	}
	return v
}

// Entry is the file as it was when it was opened.
func (f *File) Entry() ftpconn.Entry { return f.c.entry }

// Size is the file's size; -1 as long as it is not known.
func (f *File) Size() int64 {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	return f.c.size
}

// Read returns up to n bytes at an offset, in pieces that must not be
// changed. It returns less only at the end of the file, and nothing behind
// it. ftpconn.ErrChanged says that the server has another version by now.
func (f *File) Read(ctx context.Context, off int64, n int) ([][]byte, error) {
	if size := f.Size(); size >= 0 {
		n = int(min(int64(n), size-off))
	}
	if n <= 0 || off < 0 {
		return nil, nil
	}
	if err := f.c.spoilt(); err != nil {
		return nil, err
	}
	if off == 0 {
		f.c.cache.readBegins(f.c)
	}
	f.mu.Lock()
	leaves := f.pattern.window > 0
	pl := f.pattern.read(off, int64(n))
	leaves = leaves && f.pattern.window == 0
	f.mu.Unlock()
	if leaves {
		f.c.wentElsewhere()
	}
	if !pl.open && n <= pieceRun && !f.c.entry.SizeRough {
		return f.c.readPieces(ctx, off, n)
	}
	return f.c.read(ctx, off, n, pl)
}

// Close gives the file back. Reads under way go on.
func (f *File) Close() error {
	f.mu.Lock()
	closed := f.closed
	f.closed = true
	f.mu.Unlock()
	if !closed {
		f.c.release()
	}
	return nil
}

// Outdated says that this mount has changed the file since it was opened.
func (f *File) Outdated() bool {
	c := f.c.cache
	if edits := c.edits.Load(); edits != f.edits.Load() {
		f.edits.Store(edits)
		c.mu.Lock()
		defer c.mu.Unlock()
		f.old.Store(f.c.key.epoch != c.epoch+c.epochs[f.c.key.path])
	}
	return f.old.Load()
}
