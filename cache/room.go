package cache

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// writeAt writes into a staging file. Where the disk is full, what is kept there
// of files that the server has makes room.
func (d *Draft) writeAt(ctx context.Context, file *os.File, data []byte, off int64) error {
	_, err := file.WriteAt(data, off)
	for range reclaimTries {
		if !errors.Is(err, syscall.ENOSPC) {
			return err
		}
		d.c.reclaim(d)
		_, err = file.WriteAt(data, off)
		if err == nil {
			return nil
		}
		select { // a file that was closed just now is about to be dropped
		case <-time.After(reclaimPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

const (
	reclaimTries = 5
	reclaimPause = 20 * time.Millisecond
)

// reclaim gives up the local copies of files that the server has: they are read
// from there if they are needed again.
func (c *Cache) reclaim(but *Draft) {
	c.mu.Lock()
	all := make([]*Draft, 0, len(c.drafts))
	for _, d := range c.drafts {
		if d != but && d.base != nil {
			all = append(all, d)
		}
	}
	c.mu.Unlock()
	for _, d := range all {
		select {
		case d.turn <- struct{}{}:
			d.unstage()
			d.turn.give()
		default: // somebody is at work with it
		}
	}
}

// unstage drops the local copy of a file that the server has. The caller has
// the turn.
func (d *Draft) unstage() {
	d.room.Lock()
	defer d.room.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dirty || d.file == nil || len(d.local) == 0 {
		return
	}
	if d.file.Truncate(0) == nil {
		d.local, d.originEnd, d.clean = nil, d.size, d.size
	}
}
