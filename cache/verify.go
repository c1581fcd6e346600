package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"
)

// atEnd says whether a transfer has nothing more to bring.
func (f *fetch) atEnd() bool {
	t := f.t
	t.mu.Lock()
	defer t.mu.Unlock()
	return f.end >= 0 && f.next >= f.end || t.size >= 0 && f.next*blockSize >= t.size
}

// doubt makes the next transfer ask first whether the file is still the same.
func (t *content) doubt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.verified = time.Time{}
}

// verify makes sure that the server has the version that t is, if that was
// not known lately.
func (t *content) verify(ctx context.Context) error {
	c := t.cache
	t.mu.Lock()
	fresh := c.cfg.Now().Sub(t.verified) < c.cfg.ListTTL
	t.mu.Unlock()
	if fresh {
		return nil
	}
	e, err := c.remote.Stat(ctx, t.path(), ftpconn.LaneRead)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%s: %w: it is gone", ftpconn.Printable(t.key.path), ftpconn.ErrChanged)
	case err == nil && !sameVersion(t.entry, c.corrected(t.key.path, e)):
		err = fmt.Errorf("%s: %w", ftpconn.Printable(t.key.path), ftpconn.ErrChanged)
	}
	if err != nil {
		if errors.Is(err, ftpconn.ErrChanged) {
			c.Forget(t.path())
		}
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.verified = c.cfg.Now()
	return nil
}

// sameVersion compares two descriptions of a file as far as both tell. Times
// are compared with the precision of the coarser one.
func sameVersion(a, b ftpconn.Entry) bool {
	if a.Size >= 0 && b.Size >= 0 && a.Size != b.Size {
		return false
	}
	if a.Unique != "" && b.Unique != "" && a.Unique != b.Unique {
		return false
	}
	var unit time.Duration
	switch min(a.ModPrec, b.ModPrec) {
	case listing.NoTime:
		return true
	case listing.Day:
		unit = 24 * time.Hour
	case listing.Minute:
		unit = time.Minute
	default:
		unit = time.Second
	}
	// Local days and odd clocks shift what is coarse by up to a unit.
	d := a.ModTime.Truncate(unit).Sub(b.ModTime.Truncate(unit))
	return d == 0 || unit > time.Minute && d.Abs() <= unit
}

// lasting says whether a description tells a version of a file for good. A file
// that was changed within the unit of its time may change again and keep it.
func lasting(e ftpconn.Entry, now time.Time) bool {
	if e.Size < 0 || e.SizeRough {
		return false
	}
	age := now.Sub(e.ModTime) - time.Minute // clocks differ
	switch e.ModPrec {
	case listing.NoTime:
		return false
	case listing.Day:
		return age > 48*time.Hour
	case listing.Minute:
		return age > 2*time.Minute
	}
	return age > 2*time.Second
}

// keep keeps a piece of the content.
func (t *content) keep(k blockKey, data []byte) {
	if t.lasts && !t.unverified() {
		t.cache.blocks.keep(k, data)
		return
	}
	t.cache.blocks.put(k, data)
}
