package fs

import (
	"context"
	"errors"
	iofs "io/fs"
	"syscall"

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
	return syscall.EIO
}

// errno is toErrno, and logs what a user can not see from the errno alone.
func (t *tree) errno(op, path string, err error) syscall.Errno {
	n := toErrno(err)
	switch n {
	case 0, syscall.ENOENT, syscall.EINTR, syscall.ENOTDIR:
	default:
		t.log.Warn("a file system call failed", "call", op, "path", ftpconn.Printable(path), "errno", n, "error", err)
	}
	return n
}
