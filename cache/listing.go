package cache

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"time"

	"ftpfs/ftpconn"
)

// load is a listing under way.
type load struct {
	done  chan struct{} // closed when dir, stale and err are set
	dir   *Dir
	stale error // why dir is older than it should be; nil if it is not
	err   error
	lane  ftpconn.Lane

	queued bool // not begun: the load is part of a walk; guarded by Cache.mu
}

// answer is what Stat said of one name.
type answer struct {
	entry ftpconn.Entry
	err   error // nil or fs.ErrNotExist
	at    time.Time
}

// Dir returns the listing of a directory, at most Config.ListTTL old unless
// Config.StaleIfError allows more.
func (c *Cache) Dir(ctx context.Context, dir string) (*Dir, error) {
	d, _, err := c.dir(ctx, dir)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wholeLocked(dir, d), nil
}

// dir is Dir, with changes of this mount still beside it, and says why the
// listing is older than it should be.
func (c *Cache) dir(ctx context.Context, dir string) (d *Dir, stale, err error) {
	c.mu.Lock()
	if d, ok := c.dirs.Get(dir); ok && c.cfg.Now().Sub(d.loaded) < c.cfg.ListTTL {
		c.usedLocked(d)
		ahead := c.walk.visited(dir)
		if ahead {
			c.listAheadLocked([]string{dir})
		}
		c.mu.Unlock()
		return d, nil, nil
	}
	l, ok := c.loads[dir]
	if !ok || l.queued {
		l = c.loadLocked(dir, ftpconn.LaneMeta)
	}
	ahead := c.walk.visited(dir)
	if ahead {
		c.listAheadLocked([]string{dir})
	}
	c.mu.Unlock()
	if l.lane == ftpconn.LaneSpeculative {
		// It is most often well under way; but it may as well stand at the end
		// of a long queue.
		patience := time.NewTimer(speculationPatience)
		defer patience.Stop()
		select {
		case <-l.done:
			if l.err == nil {
				c.mu.Lock()
				c.usedLocked(l.dir)
				c.mu.Unlock()
				return l.dir, l.stale, nil
			}
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-patience.C:
		}
		c.mu.Lock()
		l = c.loadLocked(dir, ftpconn.LaneMeta)
		c.mu.Unlock()
	}
	select {
	case <-l.done:
		return l.dir, l.stale, l.err
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// speculationPatience is how long a user waits for a listing that was begun
// ahead of need, before it is asked for again with a user's urgency.
const speculationPatience = 500 * time.Millisecond

// loadLocked begins to read a directory, or joins those who wait for it.
func (c *Cache) loadLocked(dir string, lane ftpconn.Lane) *load {
	if l, ok := c.loads[dir]; ok && lane >= l.lane {
		return l
	}
	l := &load{done: make(chan struct{}), lane: lane}
	c.loads[dir] = l
	if !c.backgroundLocked(func() { c.load(dir, l) }) {
		l.err = ftpconn.ErrClosed
		delete(c.loads, dir)
		close(l.done)
	}
	return l
}

func (c *Cache) load(dir string, l *load) {
	since := c.listingBegins()
	listing, err := c.remote.List(c.ctx, dir, l.lane)
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.listingEndsLocked()
	defer close(l.done)
	if c.loads[dir] == l {
		delete(c.loads, dir)
	}
	if err != nil {
		if l.dir = c.staleLocked(dir, err); l.dir != nil {
			l.stale = err
			return
		}
		l.err = err
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ftpconn.ErrNotDir) {
			c.forgetLocked(dir)
		}
		return
	}
	c.stale = false
	l.dir = c.keepLocked(dir, listing, since)
	if l.lane == ftpconn.LaneSpeculative {
		c.counters.ListingsAhead++
		l.dir.ahead = true
	} else {
		c.counters.Listings++
	}
}

// keepLocked puts a listing into the cache; since is what listingBegins said.
func (c *Cache) keepLocked(dir string, listing *ftpconn.Listing, since int64) *Dir {
	now := c.cfg.Now()
	listing = c.changedLocked(dir, c.correctedLocked(dir, listing), since)
	old, ok := c.dirs.Peek(dir)
	if ok && len(old.over) == 0 && old.same(listing) {
		old.loaded, old.stale = now, false
		c.dirs.Get(dir) // it was used now
		return old
	}
	if ok {
		c.entries -= old.Len() + 1
		if c.cfg.Changed != nil {
			c.backgroundLocked(func() { c.cfg.Changed(dir) })
		}
	}
	d := newDir(listing, now)
	if ok {
		old.newer = d
	}
	c.dirs.Add(dir, d)
	c.entries += d.Len() + 1
	for c.entries > c.cfg.MaxEntries && c.dirs.Len() > 1 {
		_, oldest, _ := c.dirs.RemoveOldest()
		c.entries -= oldest.Len() + 1
	}
	return d
}

// Lookup returns one entry of a directory. It answers from the directory's
// listing; fs.ErrNotExist comes only from a complete one, or from the server
// itself.
func (c *Cache) Lookup(ctx context.Context, dir, name string) (ftpconn.Entry, error) {
	full := path.Join(dir, name)
	c.mu.Lock()
	if draft := c.drafts[full]; draft != nil {
		defer c.mu.Unlock()
		return draft.entryLocked(), nil
	}
	c.mu.Unlock()
	d, stale, err := c.dir(ctx, dir)
	if err != nil {
		return ftpconn.Entry{}, err
	}
	c.mu.Lock()
	e, ok := d.entryNowLocked(name)
	_, changed := d.over[name]
	if ok {
		c.keptTimeLocked(full, &e)
	}
	known, asked := c.stats.Get(full)
	c.mu.Unlock()
	if ok {
		return e, nil
	}
	if stale != nil && !changed {
		return ftpconn.Entry{}, stale // it may have come since
	}
	if d.Complete() || changed {
		return ftpconn.Entry{}, fs.ErrNotExist
	}
	if asked && c.cfg.Now().Sub(known.at) < c.cfg.ListTTL {
		return known.entry, known.err
	}
	e, err = c.remote.Stat(ctx, full, ftpconn.LaneMeta)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		e = c.corrected(full, e)
		c.mu.Lock()
		c.stats.Add(full, answer{entry: e, err: err, at: c.cfg.Now()})
		c.mu.Unlock()
	}
	return e, err
}

// Forget drops what is known of a path: its listing, and the listing that it
// stands in.
func (c *Cache) Forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetLocked(name)
	c.forgetLocked(path.Dir(name))
	c.stats.Remove(name)
}

func (c *Cache) forgetLocked(dir string) {
	if d, ok := c.dirs.Peek(dir); ok {
		c.dirs.Remove(dir)
		c.entries -= d.Len() + 1
	}
}
