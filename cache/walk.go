package cache

import (
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

// visited notes a visit of dir. If it follows from the one before, as its
// child or sibling, dir is returned: what lies in it will be wanted next.
func (w *walk) visited(dir string) (ahead string) {
	if w.recent[0] == dir {
		return ""
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
		return ""
	}
	if w.streak++; w.streak == 1 {
		w.credit = firstCredit // it may be a user who looks around
	} else {
		w.credit = min(w.credit+creditPerVisit, maxCredit)
	}
	return dir
}

// A walk that goes on earns more listings ahead of it than it uses up, to a
// bound: one that stops has wasted that many at most.
const (
	firstCredit    = 4
	creditPerVisit = 16
	maxCredit      = 512
)

// listAhead lists, in the background, the directories that a walk will come
// to after dir: those in it, and those beside it.
func (c *Cache) listAhead(dir string) {
	if dir == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, parent := range []string{dir, path.Dir(dir)} {
		d, ok := c.dirs.Peek(parent)
		if !ok {
			continue
		}
		for i := range d.Len() {
			e := d.At(i)
			if e.Type != listing.Dir {
				continue
			}
			full := path.Join(parent, e.Name)
			if known, ok := c.dirs.Peek(full); ok && c.cfg.Now().Sub(known.loaded) < c.cfg.ListTTL {
				continue
			}
			if _, ok := c.loads[full]; ok {
				continue
			}
			if c.walk.credit == 0 {
				return
			}
			select {
			case c.ahead <- struct{}{}:
			default:
				return
			}
			c.walk.credit--
			l := c.loadLocked(full, ftpconn.LaneSpeculative)
			c.backgroundLocked(func() {
				<-l.done
				<-c.ahead
				c.listAhead(full)
			})
		}
	}
}
