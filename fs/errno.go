package fs

import (
	"context"
	"errors"
	iofs "io/fs"
	"syscall"

	"ftpfs/cache"
	"ftpfs/ftpconn"
)

// errnos says what programs are told, first match wins. What is not in the
// table is EIO: it failed, and no more is known.
var errnos = []struct {
	err   error
	errno syscall.Errno
}{
	{context.Canceled, syscall.EINTR},
	{context.DeadlineExceeded, syscall.ETIMEDOUT},
	{ftpconn.ErrNotDir, syscall.ENOTDIR},
	{ftpconn.ErrIsDir, syscall.EISDIR},
	{ftpconn.ErrName, syscall.EINVAL},
	{ftpconn.ErrChanged, syscall.ESTALE},
	{cache.ErrReadOnly, syscall.EROFS},
	{ftpconn.ErrNotEmpty, syscall.ENOTEMPTY},
	{ftpconn.ErrNoSpace, syscall.ENOSPC},
	{ftpconn.ErrQuota, syscall.EDQUOT},
	{ftpconn.ErrTimeout, syscall.ETIMEDOUT},
	{ftpconn.ErrLogin, syscall.EACCES},
	{ftpconn.ErrUnreachable, syscall.EHOSTUNREACH},
	{ftpconn.ErrClosed, syscall.ESHUTDOWN},
	{errOutside, syscall.EPERM},
	{iofs.ErrNotExist, syscall.ENOENT},
	{iofs.ErrPermission, syscall.EACCES},
	{iofs.ErrExist, syscall.EEXIST},
	{cache.ErrInside, syscall.EINVAL},
	{ftpconn.ErrNotSupported, syscall.EPERM},
}

// toErrno turns an error into what the kernel passes on.
func toErrno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	for _, e := range errnos {
		if errors.Is(err, e.err) {
			return e.errno
		}
	}
	// What is wrong with the staging disk is of interest; an errno of a network
	// connection is not.
	for _, local := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.ESTALE} {
		if errors.Is(err, local) {
			return local
		}
	}
	return syscall.EIO
}

// errno is toErrno, and logs what a user can not see from the errno alone.
func (t *tree) errno(op, path string, err error) syscall.Errno {
	n := toErrno(err)
	if errors.Is(err, ftpconn.ErrAway) {
		return n // the outage was logged once
	}
	switch n {
	case 0, syscall.ENOENT, syscall.EINTR, syscall.ENOTDIR:
	default:
		t.log.Warn("a file system call failed", "call", op, "path", ftpconn.Printable(path), "errno", n, "error", err)
	}
	return n
}
