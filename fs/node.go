package fs

import (
	"context"
	"log/slog"
	"path"
	"sync"
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
}

// node is a file, directory or link.
type node struct {
	fs.Inode
	t *tree

	mu      sync.Mutex
	dir     *cache.Dir     // the listing that opendir saw last, for a directory
	content *ftpconn.Entry // the version that open saw last, for a file
}

// path is where the node is now; "/" is the mount's root.
func (n *node) path() string { return "/" + n.Path(nil) }

// entry asks what the parent's listing says of the node.
func (n *node) entry(ctx context.Context) (ftpconn.Entry, error) {
	if n.IsRoot() {
		return ftpconn.Entry{Name: "/", Type: listing.Dir}, nil
	}
	dir, name := path.Split(n.path())
	return n.t.cache.Lookup(ctx, path.Clean(dir), name)
}

var _ = (fs.NodeLookuper)((*node)(nil))

// Lookup finds a name in a directory.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
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
	return child
}

var _ = (fs.NodeGetattrer)((*node)(nil))

// Getattr answers stat, from the parent's listing.
func (n *node) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	e, err := n.entry(ctx)
	if err != nil {
		return n.t.errno("stat", n.path(), err)
	}
	n.t.fill(e, n.StableAttr().Ino, &out.Attr)
	if h, ok := f.(*handle); ok && h.file.Size() >= 0 && (e.Size < 0 || e.SizeRough) {
		out.Size = uint64(h.file.Size()) // it was read to its end meanwhile
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

// Statfs answers with sizes that no program takes for a full disk: FTP has no
// command that tells the true ones.
func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	out.Bsize = 4096
	out.Frsize = 4096
	out.NameLen = 255
	out.Blocks = 1 << 38 // 1 PiB
	out.Bfree, out.Bavail = out.Blocks, out.Blocks
	out.Files, out.Ffree = 1<<32, 1<<32
	return 0
}
