package ftpconn

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"ftpfs/ftpconn/listing"
)

// ErrInDoubt says that a connection was lost under a command that changes
// something, and that it could not be found out whether it was executed.
var ErrInDoubt = errors.New("it is not known whether the server did it")

// lasting are the meanings of a refusal that another try does not change.
var lasting = []error{fs.ErrNotExist, fs.ErrPermission, fs.ErrExist, ErrIsDir, ErrNotDir, ErrNotEmpty, ErrNotSupported}

// passing are the failures that another try may get over, whatever else they
// wrap: what the system says of a connection answers to io/fs errors too.
var passing = []error{ErrUnreachable, ErrTimeout, ErrLogin, ErrTLS, ErrShort, ErrNoSpace, ErrQuota, ErrClosed, ErrInDoubt,
	context.Canceled, context.DeadlineExceeded}

// Final says that the server refused for good: the same request will not
// succeed later. It is false for what may pass: a full disk, replies 4yz whose
// meaning is not known to last, and all that happened to the connection.
func Final(err error) bool {
	if err == nil {
		return false
	}
	for _, e := range passing {
		if errors.Is(err, e) {
			return false
		}
	}
	if errors.Is(err, ErrName) {
		return true
	}
	for _, e := range lasting {
		if errors.Is(err, e) {
			return true
		}
	}
	var refused *Error
	return errors.As(err, &refused) && refused.Code/100 == 5 && refused.Code != codeNotLoggedIn
}

// reasons are what servers write into replies whose code tells less. ProFTPD
// answers 450 and 451 with the system's own words; the words of a reply are
// believed for what can not be seen from outside, never for absence.
var reasons = []struct {
	text string
	kind error
}{
	{"no space left", ErrNoSpace},
	{"disk full", ErrNoSpace},
	{"disk is full", ErrNoSpace},
	{"not enough space", ErrNoSpace},
	{"insufficient storage", ErrNoSpace},
	// vsftpd tells no more than this of a write that failed.
	{"failure writing to local file", ErrNoSpace},
	{"quota exceeded", ErrQuota},
	{"exceeded quota", ErrQuota},
	{"quota would be exceeded", ErrQuota},
	{"not empty", ErrNotEmpty},
	{"permission denied", fs.ErrPermission},
	{"operation not permitted", fs.ErrPermission},
	{"access denied", fs.ErrPermission},
	{"access is denied", fs.ErrPermission},
	{"not enough privileges", fs.ErrPermission},
	{"read-only", fs.ErrPermission},
	{"readonly", fs.ErrPermission},
	{"cross-device", ErrNotSupported},
	// ProFTPD, unless AllowStoreRestart is on: 451, for ever.
	{"append/restart not permitted", ErrNotSupported},
}

// reason is what the words of a refusal say of its cause; nil if nothing.
func (e *Error) reason() error {
	text := strings.ToLower(e.Msg)
	if e.Path != "" { // a name may hold any words, and most servers repeat it
		text = strings.ReplaceAll(text, strings.ToLower(e.Path), "")
		text = strings.ReplaceAll(text, strings.ToLower(path.Base(e.Path)), "")
	}
	for _, r := range reasons {
		if strings.Contains(text, r.text) {
			return r.kind
		}
	}
	return nil
}

// meaning finds out what the refusal of a changing command means, and notes it
// in the error. look asks the server; it returns fs.ErrPermission if nothing
// else can be the reason, and nil if it could not find out.
func (c *Conn) meaning(err error, look func() error) error {
	var refused *Error
	if !errors.As(err, &refused) || refused.Kind != nil || c.broken != nil {
		return err
	}
	switch refused.Code {
	case codeNoData, codeAborted, codeNotAvailable, codeBadSequence:
		return err
	}
	told := refused.reason()
	forbidden := isPermission(told)
	if told != nil && !forbidden {
		refused.Kind = told
		return err
	}
	seen := look()
	switch {
	case seen == nil, isPermission(seen) && refused.Temporary(): // a file that is busy, for one
		refused.Kind = told
	case forbidden && refused.Op != "MKD" && (errors.Is(seen, fs.ErrExist) || errors.Is(seen, ErrNotEmpty)):
		// Both are true, and what the server says is the reason.
		refused.Kind = told
	default:
		refused.Kind = seen
	}
	return err
}

// absence is the Kind that the failure of a look gives to a refusal.
func absence(err error) error {
	for _, kind := range []error{fs.ErrNotExist, ErrNotDir, fs.ErrPermission} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return nil
}

// Why a command may have been refused, by a look at what it names. Each of
// these answers as meaning wants it.

// whyObject is for commands that need an object of any type.
func (c *Conn) whyObject(ctx context.Context, name string) error {
	if _, err := c.stat(ctx, name); err != nil {
		return absence(err)
	}
	return fs.ErrPermission
}

// whyFile is for DELE.
func (c *Conn) whyFile(ctx context.Context, name string) error {
	e, err := c.stat(ctx, name)
	switch {
	case err != nil:
		return absence(err)
	case e.Type == listing.Dir:
		return ErrIsDir
	}
	return fs.ErrPermission
}

// whyParent is for a name that is not there, where one was to be made.
func (c *Conn) whyParent(ctx context.Context, name string) error {
	e, err := c.stat(ctx, path.Dir(name))
	switch {
	case err != nil:
		return absence(err)
	case e.Type == listing.File:
		return ErrNotDir
	}
	return fs.ErrPermission
}

// whyNew is for MKD and the like.
func (c *Conn) whyNew(ctx context.Context, name string) error {
	_, err := c.stat(ctx, name)
	switch {
	case err == nil:
		return fs.ErrExist
	case errors.Is(err, fs.ErrNotExist):
		return c.whyParent(ctx, name)
	}
	return absence(err)
}

// whyStore is for STOR and APPE.
func (c *Conn) whyStore(ctx context.Context, name string) error {
	e, err := c.stat(ctx, name)
	switch {
	case err == nil && e.Type == listing.Dir:
		return ErrIsDir
	case err == nil:
		return fs.ErrPermission
	case errors.Is(err, fs.ErrNotExist):
		return c.whyParent(ctx, name)
	}
	return absence(err)
}

// whyDirectory is for RMD.
func (c *Conn) whyDirectory(ctx context.Context, name string) error {
	e, err := c.stat(ctx, name)
	switch {
	case err != nil:
		return absence(err)
	case e.Type != listing.Dir:
		return ErrNotDir
	case c.holdsSomething(ctx, name):
		return ErrNotEmpty
	}
	return fs.ErrPermission
}

// holdsSomething says whether a directory is certain not to be empty.
func (c *Conn) holdsSomething(ctx context.Context, dir string) bool {
	l, err := c.list(ctx, dir)
	return err == nil && (len(l.Entries) > 0 || !l.Complete)
}

// whyTarget is for RNTO.
func (c *Conn) whyTarget(ctx context.Context, from, to string) error {
	target, err := c.stat(ctx, to)
	if errors.Is(err, fs.ErrNotExist) {
		return c.whyParent(ctx, to)
	}
	if err != nil {
		return absence(err)
	}
	source, err := c.stat(ctx, from)
	switch {
	case err != nil:
		return absence(err)
	case target.Type == listing.Dir && source.Type != listing.Dir:
		return ErrIsDir
	case target.Type != listing.Dir && source.Type == listing.Dir:
		return ErrNotDir
	case target.Type == listing.Dir && c.holdsSomething(ctx, to):
		return ErrNotEmpty
	}
	return fs.ErrExist
}
