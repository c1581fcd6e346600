package cache

import (
	"errors"
	"path"
	"time"

	"ftpfs/ftpconn"
)

// unreachable says that an error is about the way to the server. What the
// server itself refuses is never answered from what is too old.
func unreachable(err error) bool {
	return !errors.Is(err, ftpconn.ErrLogin) &&
		(errors.Is(err, ftpconn.ErrUnreachable) || errors.Is(err, ftpconn.ErrTimeout))
}

// staleLocked returns the listing that stands in for one that could not be
// had, or nil. It is logged once, until a listing comes again.
func (c *Cache) staleLocked(dir string, err error) *Dir {
	if !c.cfg.StaleIfError || !unreachable(err) {
		return nil
	}
	d, ok := c.dirs.Get(dir)
	if !ok {
		return nil
	}
	if !c.stale {
		c.stale = true
		c.cfg.Logger.Warn("the server can not be reached; what was listed before is shown, however old",
			"directory", ftpconn.Printable(dir), "reason", err)
	}
	d.stale = true
	return d
}

// doubtStaleLocked makes a content that was opened by a listing which is too
// old be compared with the server's version before it is transferred.
func (c *Cache) doubtStaleLocked(t *content) {
	if d, ok := c.dirs.Peek(path.Dir(t.key.path)); ok && d.stale {
		t.verified = time.Time{}
	}
}
