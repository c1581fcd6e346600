package fs

import (
	"context"
	"errors"
	iofs "io/fs"
	"path"
	"strings"
	"syscall"

	"ftpfs/cache"
	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// maxName is the longest name in bytes, as on local file systems. The kernel
// lets longer ones through.
const maxName = 255

// newName says what is wrong with a name that is to be made.
func newName(name string) syscall.Errno {
	switch {
	case len(name) > maxName:
		return syscall.ENAMETOOLONG
	case strings.ContainsAny(name, "\r\n"):
		return syscall.EINVAL // no FTP command can carry it
	}
	return 0
}

var _ = (fs.NodeCreater)((*node)(nil))

// Create makes a file and opens it.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if n.t.opts.ReadOnly {
		return nil, nil, 0, syscall.EROFS
	}
	if errno := newName(name); errno != 0 {
		return nil, nil, 0, errno
	}
	ctx, done := patient(ctx)
	defer done()
	full := path.Join(n.path(), name)
	d, err := n.t.cache.Create(ctx, full, mode, flags&syscall.O_EXCL != 0)
	if err == nil && flags&syscall.O_TRUNC != 0 {
		if err = d.Truncate(ctx, 0); err != nil {
			d.Close()
		}
	}
	if err != nil {
		return nil, nil, 0, n.t.errno("create", full, err)
	}
	e := d.Entry()
	inode := n.child(ctx, e, out)
	out.Blksize = writeSize
	child := inode.Operations().(*node)
	child.draft.Store(d)
	child.handles.Add(1)
	child.keepPages(e)
	h := &handle{n: child, path: full, writes: true, appends: flags&syscall.O_APPEND != 0, draft: d}
	return inode, h, 0, 0
}

var _ = (fs.NodeMknoder)((*node)(nil))

// Mknod makes plain files only.
func (n *node) Mknod(ctx context.Context, name string, mode, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil, syscall.EPERM
	}
	inode, h, _, errno := n.Create(ctx, name, syscall.O_EXCL, mode, out)
	if errno != 0 {
		return nil, errno
	}
	errno = h.(*handle).Fsync(ctx, 0)
	_ = h.(*handle).Release(ctx)
	return inode, errno
}

var _ = (fs.NodeMkdirer)((*node)(nil))

// Mkdir makes a directory.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := newName(name); errno != 0 {
		return nil, errno
	}
	ctx, done := patient(ctx)
	defer done()
	full := path.Join(n.path(), name)
	e, err := n.t.cache.Mkdir(ctx, full, mode)
	if err != nil {
		return nil, n.t.errno("mkdir", full, err)
	}
	return n.child(ctx, e, out), 0
}

var _ = (fs.NodeRmdirer)((*node)(nil))

// Rmdir removes an empty directory.
func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	ctx, done := patient(ctx)
	defer done()
	full := path.Join(n.path(), name)
	return n.t.errno("rmdir", full, n.t.cache.Rmdir(ctx, full))
}

var _ = (fs.NodeUnlinker)((*node)(nil))

// Unlink removes a file or a link. Whoever has the file open goes on.
func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	ctx, done := patient(ctx)
	defer done()
	full := path.Join(n.path(), name)
	release, err := n.hold(ctx, name)
	if err != nil {
		return n.t.errno("unlink", full, err)
	}
	defer release()
	return n.t.errno("unlink", full, n.t.cache.Remove(ctx, full))
}

// hold keeps the content of a child that is about to lose its name, if anybody
// has it open. release must be called after that: those who have it open keep
// the content from then on.
func (n *node) hold(ctx context.Context, name string) (release func(), err error) {
	release = func() {}
	inode := n.GetChild(name)
	if inode == nil {
		return release, nil
	}
	child, ok := inode.Operations().(*node)
	if !ok || child.handles.Load() == 0 {
		return release, nil
	}
	e, err := child.entry(ctx)
	if err != nil || e.Type != listing.File {
		return release, nil // what is wrong with it, the removal will say
	}
	d, err := n.t.cache.Hold(ctx, child.path(), e)
	if d != nil {
		child.draft.Store(d)
		release = func() { child.keep(d) }
	}
	return release, err
}

// keep keeps a Draft in use as long as the file is open.
func (n *node) keep(d *cache.Draft) {
	n.mu.Lock()
	before := n.held
	n.held = d
	n.mu.Unlock()
	if before != nil {
		before.Close()
	}
	if n.handles.Load() == 0 { // the last one was closed meanwhile
		n.letGo()
	}
}

// letGo ends what keep began.
func (n *node) letGo() {
	n.mu.Lock()
	d := n.held
	n.held = nil
	n.mu.Unlock()
	if d != nil {
		d.Close()
	}
}

var _ = (fs.NodeRenamer)((*node)(nil))

// Rename moves what has a name, here or to another directory.
func (n *node) Rename(ctx context.Context, name string, newParent fs.InodeEmbedder, newTo string, flags uint32) syscall.Errno {
	if flags&^unix.RENAME_NOREPLACE != 0 {
		return syscall.EINVAL
	}
	if errno := newName(newTo); errno != 0 {
		return errno
	}
	ctx, done := patient(ctx)
	defer done()
	parent := newParent.EmbeddedInode().Operations().(*node)
	from, to := path.Join(n.path(), name), path.Join(parent.path(), newTo)
	if flags == 0 && from != to {
		release, err := parent.hold(ctx, newTo)
		if err != nil {
			return n.t.errno("rename", to, err)
		}
		defer release()
	}
	err := n.t.cache.Rename(ctx, from, to, flags != 0)
	if errors.Is(err, ftpconn.ErrNotSupported) {
		return syscall.EXDEV // between file systems of the server: mv copies then
	}
	return n.t.errno("rename", from, err)
}

var _ = (fs.NodeSymlinker)((*node)(nil))

// Symlink makes a symbolic link, where the server can.
func (n *node) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := newName(name); errno != 0 {
		return nil, errno
	}
	ctx, done := patient(ctx)
	defer done()
	full := path.Join(n.path(), name)
	e, err := n.t.cache.Symlink(ctx, target, full)
	switch {
	case errors.Is(err, ftpconn.ErrNotSupported), errors.Is(err, iofs.ErrPermission):
		return nil, syscall.EPERM
	case err != nil:
		return nil, n.t.errno("symlink", full, err)
	}
	return n.child(ctx, e, out), 0
}

var _ = (fs.NodeLinker)((*node)(nil))

// Link is not possible: FTP knows no hard links.
func (n *node) Link(context.Context, fs.InodeEmbedder, string, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if n.t.opts.ReadOnly {
		return nil, syscall.EROFS
	}
	return nil, syscall.EPERM
}

var _ = (fs.NodeSetattrer)((*node)(nil))

// Setattr changes mode, owner, size and time.
func (n *node) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if n.t.opts.ReadOnly {
		return syscall.EROFS
	}
	ctx, done := patient(ctx)
	defer done()
	full := n.path()
	uid, setUID := in.GetUID()
	gid, setGID := in.GetGID()
	if setUID && uid != n.t.opts.UID || setGID && gid != n.t.opts.GID {
		return syscall.EPERM // it could not be shown
	}
	if size, ok := in.GetSize(); ok {
		if errno := n.truncate(ctx, f, int64(size)); errno != 0 {
			return errno
		}
	}
	if mode, ok := in.GetMode(); ok && !n.orphan() {
		if errno := n.chmod(ctx, full, mode&0o777); errno != 0 {
			return errno
		}
	}
	if t, ok := in.GetMTime(); ok && !n.orphan() {
		if err := n.t.cache.SetTime(ctx, full, t); err != nil {
			return n.t.errno("utimens", full, err)
		}
	}
	return n.Getattr(ctx, f, out)
}

func (n *node) truncate(ctx context.Context, f fs.FileHandle, size int64) syscall.Errno {
	if h, ok := f.(*handle); ok && h.writes {
		return n.t.errno("truncate", h.path, h.draft.Truncate(ctx, size))
	}
	if n.orphan() {
		if d := n.draft.Load(); d != nil {
			return toErrno(d.Truncate(ctx, size))
		}
		return syscall.ESTALE
	}
	full := n.path()
	return n.t.errno("truncate", full, n.t.cache.Truncate(ctx, full, size))
}

// chmod sets permission bits. A server that can not is asked for nothing, which
// is right if the bits are what is shown.
func (n *node) chmod(ctx context.Context, full string, perm uint32) syscall.Errno {
	err := n.t.cache.SetMode(ctx, full, perm)
	if !errors.Is(err, ftpconn.ErrNotSupported) && !errors.Is(err, iofs.ErrPermission) {
		return n.t.errno("chmod", full, err)
	}
	e, err := n.entry(ctx)
	if err != nil {
		return n.t.errno("chmod", full, err)
	}
	var shown fuse.Attr
	n.t.fill(e, 0, &shown)
	if shown.Mode&0o777 == perm {
		return 0
	}
	return syscall.EPERM
}

var _ = (fs.NodeCopyFileRanger)((*node)(nil))

// CopyFileRange lets the server copy a whole file, where it can.
func (n *node) CopyFileRange(ctx context.Context, in fs.FileHandle, offIn uint64, outNode *fs.Inode, outHandle fs.FileHandle, offOut, length, _ uint64) (uint32, syscall.Errno) {
	from, ok1 := in.(*handle)
	to, ok2 := outHandle.(*handle)
	if !ok1 || !ok2 || !to.writes || offIn != 0 || offOut != 0 || n.orphan() || outNode == nil {
		return 0, syscall.ENOTSUP
	}
	ctx, done := patient(ctx)
	defer done()
	if d := from.n.draft.Load(); d != nil && !d.Clean() {
		return 0, syscall.ENOTSUP
	}
	e, err := n.entry(ctx)
	if err != nil || e.Size <= 0 || uint64(e.Size) > length || e.Size > 1<<31-1 {
		return 0, syscall.ENOTSUP
	}
	switch err := to.draft.CopyFrom(ctx, n.path(), e.Size); {
	case errors.Is(err, ftpconn.ErrNotSupported):
		return 0, syscall.ENOTSUP
	case err != nil:
		return 0, n.t.errno("copy", to.path, err)
	}
	return uint32(e.Size), 0
}
