package cache

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"
)

// SetTime sets a modification time. A server that can not do that is said so in
// the log once, and the time is kept as long as the Cache lives.
func (c *Cache) SetTime(ctx context.Context, full string, t time.Time) error {
	if c.cfg.ReadOnly {
		return ErrReadOnly
	}
	t = t.UTC().Truncate(time.Second)
	if d := c.Opened(full); d != nil {
		defer d.Close()
		if err := d.turn.take(ctx); err != nil {
			return err
		}
		defer d.turn.give()
		d.mu.Lock()
		if d.dirty {
			d.mtime, d.timeSet = t, true
			d.mu.Unlock()
			return d.recordAgain()
		}
		d.mu.Unlock()
		kept, err := c.setTime(ctx, full, t)
		if err == nil && !kept {
			d.learned(func(e *ftpconn.Entry) { e.ModTime, e.ModPrec = t, listing.Second })
		}
		return err
	}
	_, err := c.setTime(ctx, full, t)
	return err
}

// setTime is SetTime for what is on the server; kept says that the time is only
// here.
func (c *Cache) setTime(ctx context.Context, full string, t time.Time) (kept bool, err error) {
	e, err := c.Lookup(ctx, path.Dir(full), path.Base(full))
	if err != nil {
		return false, err
	}
	err = c.remote.SetTime(ctx, full, t)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case ftpconn.Final(err) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ftpconn.ErrName):
		// Many servers set times of files only, or of nothing.
		c.keepTimeLocked(full, t)
		return true, nil
	case err != nil:
		return false, err
	}
	delete(c.times, full)
	e.ModTime, e.ModPrec = t, listing.Second
	c.noteLocked(full, &e)
	return false, nil
}

// maxTimes bounds how many times are kept that the server could not be told.
const maxTimes = 100_000

func (c *Cache) keepTimeLocked(full string, t time.Time) {
	if !c.saidTimes {
		c.saidTimes = true
		c.cfg.Logger.Warn("the server does not set all modification times: those that programs set and it can not are kept as long as this mount lasts", "first", ftpconn.Printable(full))
	}
	if len(c.times) < maxTimes {
		c.times[full] = t
	}
}

// learned changes what is known of the file that a Draft is of.
func (d *Draft) learned(change func(*ftpconn.Entry)) {
	d.c.mu.Lock()
	defer d.c.mu.Unlock()
	if d.base != nil {
		now := *d.base
		change(&now)
		d.base = &now
		d.c.noteLocked(d.path, &now)
	}
}

// SetMode sets permission bits. ftpconn.ErrNotSupported says that the server
// has no command for that.
func (c *Cache) SetMode(ctx context.Context, full string, perm uint32) error {
	if c.cfg.ReadOnly {
		return ErrReadOnly
	}
	perm &= 0o777
	d := c.Opened(full)
	if d != nil {
		defer d.Close()
		if err := d.turn.take(ctx); err != nil {
			return err
		}
		defer d.turn.give()
		d.mu.Lock()
		if d.dirty {
			d.mode, d.modeSet = uint16(perm), true
			d.mu.Unlock()
			return d.recordAgain()
		}
		d.mu.Unlock()
	}
	e, err := c.Lookup(ctx, path.Dir(full), path.Base(full))
	if err != nil {
		return err
	}
	if e.HasMode && uint32(e.Mode) == perm {
		return nil
	}
	if err := c.remote.SetMode(ctx, full, perm); err != nil {
		return err
	}
	e.HasMode, e.Mode = true, uint16(perm)
	if d != nil {
		d.mu.Lock()
		d.mode = uint16(perm)
		d.mu.Unlock()
		d.learned(func(b *ftpconn.Entry) { b.HasMode, b.Mode = true, uint16(perm) })
	}
	c.note(full, &e)
	return nil
}

// Truncate sets the size of a file that nobody need have open.
func (c *Cache) Truncate(ctx context.Context, full string, size int64) error {
	e, err := c.Lookup(ctx, path.Dir(full), path.Base(full))
	if err != nil {
		return err
	}
	d, err := c.Edit(ctx, full, e, false)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Truncate(ctx, size); err != nil {
		return err
	}
	return d.Finish(ctx)
}

// CopyFrom makes the server copy the whole of another file into d, which must be
// empty; ftpconn.ErrNotSupported if that is not possible.
func (d *Draft) CopyFrom(ctx context.Context, from string, size int64) error {
	c := d.c
	if err := d.turn.take(ctx); err != nil {
		return err
	}
	defer d.turn.give()
	c.mu.Lock()
	to, gone, exists := d.path, d.gone, d.base != nil
	c.mu.Unlock()
	if gone || d.Size() != 0 {
		return ftpconn.ErrNotSupported
	}
	temp := c.tempName(to)
	err := c.remote.Copy(ctx, from, temp)
	var e ftpconn.Entry
	if err == nil {
		e, err = c.remote.Stat(ctx, temp, ftpconn.LaneMeta)
	}
	if err == nil && e.Size != size {
		err = ftpconn.ErrNotSupported // the usual way will tell
	}
	if err == nil {
		err = c.replace(ctx, temp, to, exists, false)
	}
	switch {
	case err == nil:
		c.forgetTemp(temp)
	case errors.Is(err, ftpconn.ErrNotSupported) && e.Size == 0:
		c.forgetTemp(temp)
		return err
	default:
		c.dropTemp(temp)
		return err
	}
	d.mu.Lock()
	d.size, d.local = size, nil
	d.mu.Unlock()
	applied := ftpconn.Applied{Entry: e, Time: true}
	if s := d.settled(nil); s.HasMode {
		applied.Mode = c.remote.SetMode(ctx, to, s.Mode) == nil
	}
	d.delivered(to, applied)
	return nil
}

// Space is how many bytes are free on the server, as far as it tells:
// ftpconn.ErrNotSupported if it does not.
func (c *Cache) Space(ctx context.Context) (int64, error) {
	c.mu.Lock()
	known, at := c.space, c.spaceAt
	c.mu.Unlock()
	if !at.IsZero() && c.cfg.Now().Sub(at) < c.cfg.ListTTL {
		if known < 0 {
			return 0, ftpconn.ErrNotSupported
		}
		return known, nil
	}
	free, err := c.remote.Space(ctx, "/")
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if errors.Is(err, ftpconn.ErrNotSupported) {
			c.space, c.spaceAt = -1, c.cfg.Now()
		}
		return 0, err
	}
	c.space, c.spaceAt = free, c.cfg.Now()
	return free, nil
}
