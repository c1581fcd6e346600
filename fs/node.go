package fs

import (
	"context"
	"log/slog"
	"path"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ftpfs/cache"
	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// tree is what all nodes of a mount share. It does not change.
type tree struct {
	cache *cache.Cache
	opts  Options
	log   *slog.Logger
	began time.Time // what stands for a time that the server does not tell

	mountpoint string
}

// node is a file, directory or link.
type node struct {
	fs.Inode
	t *tree

	handles atomic.Int64                // of a file, that are open
	draft   atomic.Pointer[cache.Draft] // the last one; it may have ended

	mu         sync.Mutex
	dir        *cache.Dir     // the listing that the kernel may have, for a directory
	forgetting bool           // the kernel is being told to forget it
	held       *cache.Draft   // the content of a file that is open and has no name any more
	content    *ftpconn.Entry // the version that open saw last, for a file
}

// path is where the node is now; "/" is the mount's root.
func (n *node) path() string { return "/" + n.Path(nil) }

// orphan says that the node has no name any more.
func (n *node) orphan() bool {
	_, parent := n.Parent()
	return parent == nil && !n.IsRoot()
}

// entry asks what the parent's listing says of the node.
func (n *node) entry(ctx context.Context) (ftpconn.Entry, error) {
	if n.orphan() {
		return n.lastEntry()
	}
	if n.IsRoot() {
		return ftpconn.Entry{Name: "/", Type: listing.Dir}, nil
	}
	dir, name := path.Split(n.path())
	return n.t.cache.Lookup(ctx, path.Clean(dir), name)
}

// lastEntry is what is known of a file that is open and has no name any more.
func (n *node) lastEntry() (ftpconn.Entry, error) {
	if d := n.draft.Load(); d != nil {
		return d.Entry(), nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.content != nil {
		return *n.content, nil
	}
	return ftpconn.Entry{}, syscall.ESTALE
}

var _ = (fs.NodeLookuper)((*node)(nil))

// Lookup finds a name in a directory.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if len(name) > maxName {
		return nil, syscall.ENAMETOOLONG
	}
	ctx, done := patient(ctx)
	defer done()
	dir := n.path()
	e, err := n.t.cache.Lookup(ctx, dir, name)
	if err != nil {
		return nil, n.t.errno("lookup", path.Join(dir, name), err)
	}
	return n.child(ctx, e, out), 0
}

// child returns the node of an entry: the one that the kernel knows already,
// if it is of the same type, so that its inode number stays.
func (n *node) child(ctx context.Context, e ftpconn.Entry, out *fuse.EntryOut) *fs.Inode {
	mode := fileType(e.Type)
	child := n.GetChild(e.Name)
	if child == nil || child.Mode()&syscall.S_IFMT != mode {
		child = n.NewInode(ctx, &node{t: n.t}, fs.StableAttr{Mode: mode})
	}
	n.t.fill(e, child.StableAttr().Ino, &out.Attr)
	child.Operations().(*node).advise(&out.Attr)
	return child
}

// advise tells programs to write much at once to a file that was written here
// before.
func (n *node) advise(out *fuse.Attr) {
	if n.draft.Load() != nil {
		out.Blksize = writeSize
	}
}

var _ = (fs.NodeGetattrer)((*node)(nil))

// Getattr answers stat, from the parent's listing.
func (n *node) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	ctx, done := patient(ctx)
	defer done()
	e, err := n.entry(ctx)
	if err != nil {
		return n.t.errno("stat", n.path(), err)
	}
	n.t.fill(e, n.StableAttr().Ino, &out.Attr)
	n.advise(&out.Attr)
	if h, ok := f.(*handle); ok && (e.Size < 0 || e.SizeRough) {
		if size := h.knownSize(); size >= 0 {
			out.Size = uint64(size) // it was read to its end meanwhile
		}
	}
	if n.orphan() {
		out.Nlink = 0
	}
	return 0
}

var _ = (fs.NodeReadlinker)((*node)(nil))

// Readlink answers with a target that stays in the mount, or EPERM.
func (n *node) Readlink(ctx context.Context) ([]byte, syscall.Errno) {
	full := n.path()
	e, err := n.entry(ctx)
	if err != nil {
		return nil, n.t.errno("readlink", full, err)
	}
	target, err := contain(n.t.opts.ServerRoot, path.Dir(full), e.Target)
	if err != nil {
		return nil, n.t.errno("readlink", full, err)
	}
	return []byte(target), 0
}

var _ = (fs.NodeStatfser)((*node)(nil))

// Statfs answers with what the server says is free, and otherwise with sizes
// that no program takes for a full disk: most servers do not tell.
func (n *node) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	ctx, done := patient(ctx)
	defer done()
	out.Bsize = 4096
	out.Frsize = 4096
	out.NameLen = maxName
	out.Blocks = 1 << 38 // 1 PiB
	out.Bfree = out.Blocks
	if free, err := n.t.cache.Space(ctx); err == nil {
		out.Bfree = uint64(free) / uint64(out.Bsize)
	}
	out.Bavail = out.Bfree
	out.Files, out.Ffree = 1<<32, 1<<32
	return 0
}
