package fs

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"syscall"
	"testing"

	"ftpfs/ftpconn"
)

func TestErrno(t *testing.T) {
	for _, test := range []struct {
		err  error
		want syscall.Errno
	}{
		{nil, 0},
		{iofs.ErrNotExist, syscall.ENOENT},
		{iofs.ErrPermission, syscall.EACCES},
		{ftpconn.ErrNotDir, syscall.ENOTDIR},
		{ftpconn.ErrIsDir, syscall.EISDIR},
		{ftpconn.ErrName, syscall.EINVAL},
		{ftpconn.ErrChanged, syscall.ESTALE},
		{ftpconn.ErrNoSpace, syscall.ENOSPC},
		{ftpconn.ErrQuota, syscall.EDQUOT},
		{ftpconn.ErrTimeout, syscall.ETIMEDOUT},
		{ftpconn.ErrUnreachable, syscall.EHOSTUNREACH},
		{fmt.Errorf("%w: %w", ftpconn.ErrUnreachable, ftpconn.ErrTimeout), syscall.ETIMEDOUT},
		{ftpconn.ErrShort, syscall.EIO},
		{ftpconn.ErrBadListing, syscall.EIO},
		{&ftpconn.Error{Op: "RETR", Code: 550}, syscall.EIO},
		{&ftpconn.Error{Op: "RETR", Code: 550, Kind: iofs.ErrNotExist}, syscall.ENOENT},
		{context.Canceled, syscall.EINTR},
		{errors.New("something else"), syscall.EIO},
	} {
		if got := toErrno(test.err); got != test.want {
			t.Errorf("%v: %v, want %v", test.err, got, test.want)
		}
		if test.err == nil {
			continue
		}
		if got := toErrno(fmt.Errorf("wrapped: %w", test.err)); got != test.want {
			t.Errorf("wrapped %v: %v, want %v", test.err, got, test.want)
		}
	}
}
