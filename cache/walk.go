package cache

import (
	"errors"
	"path"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"
)

// walk notices when a tree is read directory by directory, as find, cp -r and
// rsync do, so that the directories to come can be listed ahead.
type walk struct {
	recent [4]string // the directories that were read last, newest first
	credit int       // how many directories may be listed ahead now
	streak int       // how many visits in a row followed from one before
}

// visited notes a visit of dir. ahead says that it follows from the one
// before, as its child or sibling: what lies in and beside it will be wanted
// next.
func (w *walk) visited(dir string) (ahead bool) {
	if w.recent[0] == dir {
		return false
	}
	follows := false
	for _, r := range w.recent {
		if r != "" && (path.Dir(dir) == r || path.Dir(dir) == path.Dir(r)) && dir != r {
			follows = true
		}
	}
	copy(w.recent[1:], w.recent[:])
	w.recent[0] = dir
	if !follows {
		w.credit, w.streak = 0, 0
		return false
	}
	if w.streak++; w.streak == 1 {
		w.credit = firstCredit // it may be a user who looks around
	} else {
		w.credit = min(w.credit+creditPerVisit, maxCredit)
	}
	return true
}

// A walk that goes on earns more listings ahead of it than it uses up, to a
// bound: one that stops has wasted that many at most.
const (
	firstCredit    = 32
	creditPerVisit = 256
	maxCredit      = 512
)

// batchAhead is how many directories are listed together at most. A larger
// batch would keep the walk waiting for what it needs first.
const batchAhead = 128

// listAheadLocked lists, in the background, the directories that a walk will
// come to after dirs: those in them, and those beside them.
func (c *Cache) listAheadLocked(dirs []string) {
	if c.cfg.Prefetch == PrefetchOff {
		return
	}
	var batch []string
	var loads []*load
	seen := make(map[string]bool)
	for _, parent := range around(dirs) {
		d, ok := c.dirs.Peek(parent)
		if !ok || seen[parent] {
			continue
		}
		seen[parent] = true
		for i := range d.Len() {
			e := d.At(i)
			if now, ok := d.entryNowLocked(e.Name); !ok || now.Type != listing.Dir {
				continue // this mount removed it
			}
			if e.Type != listing.Dir || c.walk.credit == len(batch) || len(batch) == batchAhead {
				continue
			}
			full := path.Join(parent, e.Name)
			if known, ok := c.dirs.Peek(full); ok && c.cfg.Now().Sub(known.loaded) < c.cfg.ListTTL {
				continue
			}
			if _, ok := c.loads[full]; ok {
				continue
			}
			l := &load{done: make(chan struct{}), lane: ftpconn.LaneSpeculative}
			c.loads[full] = l
			batch, loads = append(batch, full), append(loads, l)
		}
	}
	if len(batch) == 0 {
		return
	}
	select {
	case c.ahead <- struct{}{}:
		if c.backgroundLocked(func() { c.loadMany(batch, loads) }) {
			c.walk.credit -= len(batch)
			return
		}
		<-c.ahead
	default:
	}
	for _, dir := range batch {
		delete(c.loads, dir) // nobody can have seen it: the lock was held
	}
}

// around is where a walk goes on: first in the directories themselves, then
// beside them.
func around(dirs []string) []string {
	all := dirs[:len(dirs):len(dirs)]
	for _, dir := range dirs {
		if dir != "/" {
			all = append(all, path.Dir(dir))
		}
	}
	return all
}

// loadMany loads directories of a walk: together if the server can do that,
// and what is left one by one.
func (c *Cache) loadMany(dirs []string, loads []*load) {
	since := c.listingBegins()
	listings := c.remote.ListMany(c.ctx, dirs, ftpconn.LaneSpeculative)
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.listingEndsLocked()
	<-c.ahead
	var known []string
	for i, dir := range dirs {
		l := loads[i]
		if listings[i] == nil {
			l.queued = true
			c.queue = append(c.queue, queued{dir, l})
			continue
		}
		known = append(known, dir)
		if c.loads[dir] == l {
			delete(c.loads, dir)
			l.dir = c.keepLocked(dir, listings[i], since)
			c.counters.ListingsAhead++
			l.dir.ahead = true
		} else {
			// Somebody was in more of a hurry; two answers of the same time are
			// as good as each other.
			l.dir = newDir(c.changedLocked(dir, listings[i], since), c.cfg.Now())
		}
		close(l.done)
	}
	c.loadQueueLocked()
	if len(known) > 0 {
		c.listAheadLocked(known)
	}
}

// queued is a load of a walk that has not begun.
type queued struct {
	dir  string
	load *load
}

// errOvertaken ends a load that was queued when a user asked for the same.
var errOvertaken = errors.New("listed with more urgency")

// loadQueueLocked begins loads, in their order, as far as connections may be
// used for it. Close ends the rest of the queue.
func (c *Cache) loadQueueLocked() {
	for len(c.queue) > 0 {
		q := c.queue[0]
		if c.loads[q.dir] != q.load || c.closed {
			c.queue = c.queue[1:]
			q.load.err = errOvertaken
			if c.closed {
				q.load.err = ftpconn.ErrClosed
				delete(c.loads, q.dir)
			}
			close(q.load.done)
			continue
		}
		select {
		case c.ahead <- struct{}{}:
		default:
			return // whoever has a token looks here again
		}
		c.queue = c.queue[1:]
		q.load.queued = false
		c.work.Go(func() {
			c.load(q.dir, q.load)
			c.mu.Lock()
			defer c.mu.Unlock()
			<-c.ahead
			c.loadQueueLocked()
			if q.load.err == nil {
				c.listAheadLocked([]string{q.dir})
			}
		})
	}
}
