package cache

import (
	"maps"
	"path"
	"slices"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"
)

// What this mount changes on the server is written into the listings that it
// has, so that it is seen at once and costs no new listing. A Dir that somebody
// reads stays as it is; its changes stand beside it, until the next one who
// opens the directory gets a Dir in which both are one.

// change is one name that this mount changed while a listing was under way,
// which may have been made before the change or after it.
type change struct {
	seq       int64
	dir, name string
	entry     *ftpconn.Entry // nil: it is gone
}

// noteLocked writes what is known of a path now into the listing of its
// directory; nil says that nothing is there. The caller holds Cache.mu.
func (c *Cache) noteLocked(full string, e *ftpconn.Entry) {
	dir, name := path.Split(full)
	dir = path.Clean(dir)
	if e != nil {
		own := *e
		own.Name = name
		e = &own
	}
	if c.listing > 0 {
		c.changeSeq++
		c.changes = append(c.changes, change{c.changeSeq, dir, name, e})
	}
	c.stats.Remove(full)
	d, ok := c.dirs.Peek(dir)
	if !ok {
		return
	}
	if d.over == nil {
		d.over = make(map[string]*ftpconn.Entry)
	}
	d.over[name] = e
}

// note is noteLocked for those who do not hold Cache.mu.
func (c *Cache) note(full string, e *ftpconn.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noteLocked(full, e)
}

// listingBegins is called before the server is asked for listings, and what it
// returns is given to listingEnds when their answers have been kept: changes
// made in between are written into what came.
func (c *Cache) listingBegins() (since int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listing++
	return c.changeSeq
}

func (c *Cache) listingEndsLocked() {
	if c.listing--; c.listing == 0 {
		c.changes = nil
	}
}

// changedLocked returns a listing with the changes in it that this mount made
// since it was asked for, and the files that are not on the server yet.
func (c *Cache) changedLocked(dir string, l *ftpconn.Listing, since int64) *ftpconn.Listing {
	over := make(map[string]*ftpconn.Entry)
	for _, ch := range c.changes {
		if ch.seq > since && ch.dir == dir {
			over[ch.name] = ch.entry
		}
	}
	for name, d := range c.draftsIn[dir] {
		e := d.entryLocked()
		over[name] = &e
	}
	hidden := c.hiddenIn[dir]
	if len(over) == 0 && len(hidden) == 0 {
		return l
	}
	for name := range hidden {
		over[name] = nil
	}
	own := *l
	own.Entries = merge(l.Entries, over)
	return &own
}

// merge returns entries with changes in them: what is new stands at the end, by
// name.
func merge(entries []ftpconn.Entry, over map[string]*ftpconn.Entry) []ftpconn.Entry {
	merged := make([]ftpconn.Entry, 0, len(entries)+len(over))
	for _, e := range entries {
		now, changed := over[e.Name]
		switch {
		case !changed:
			merged = append(merged, e)
		case now != nil:
			merged = append(merged, *now)
		}
	}
	listed := make(map[string]bool, len(over))
	for _, e := range entries {
		if _, ok := over[e.Name]; ok {
			listed[e.Name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(over)) {
		if e := over[name]; e != nil && !listed[name] {
			merged = append(merged, *e)
		}
	}
	return merged
}

// wholeLocked returns a Dir with its changes in it.
func (c *Cache) wholeLocked(dir string, d *Dir) *Dir {
	if len(d.over) == 0 {
		return d
	}
	l := *d.listing
	l.Entries = merge(d.listing.Entries, d.over)
	whole := newDir(&l, d.loaded)
	whole.ahead, whole.stale, whole.own = d.ahead, d.stale, d.own
	c.entries += whole.Len() - d.Len()
	c.dirs.Add(dir, whole)
	d.newer = whole
	return whole
}

// entryNowLocked is what is known of a name in d now. known is false if d says
// nothing of it.
func (d *Dir) entryNowLocked(name string) (e ftpconn.Entry, known bool) {
	for d.newer != nil {
		d = d.newer
	}
	if now, changed := d.over[name]; changed {
		if now == nil {
			return e, false
		}
		return *now, true
	}
	return d.Lookup(name)
}

// Current returns what is known now of a name that a Dir lists; false if it is
// gone meanwhile.
func (c *Cache) Current(dir string, d *Dir, name string) (ftpconn.Entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if draft := c.drafts[path.Join(dir, name)]; draft != nil {
		return draft.entryLocked(), true
	}
	e, ok := d.entryNowLocked(name)
	if ok {
		c.keptTimeLocked(path.Join(dir, name), &e)
	}
	return e, ok
}

// toldLocked gives an entry the time back that the server tells.
func (c *Cache) toldLocked(full string, e ftpconn.Entry) ftpconn.Entry {
	if _, kept := c.times[full]; !kept {
		return e
	}
	if d, ok := c.dirs.Peek(path.Dir(full)); ok {
		if now, ok := d.entryNowLocked(path.Base(full)); ok && now.Size == e.Size && now.Unique == e.Unique {
			e.ModTime, e.ModPrec = now.ModTime, now.ModPrec
		}
	}
	return e
}

// keptTimeLocked gives an entry the time that this mount was told for it and
// the server could not be.
func (c *Cache) keptTimeLocked(full string, e *ftpconn.Entry) {
	if t, ok := c.times[full]; ok {
		e.ModTime, e.ModPrec = t, listing.Second
	}
}

// knownLocked is an entry with what is known of the server's file only, so that
// it can be compared with that: a time of ours is not on the server.
func (c *Cache) knownLocked(full string, e ftpconn.Entry) ftpconn.Entry {
	if t, ok := c.times[full]; ok && e.ModTime.Equal(t) {
		e.ModPrec = listing.NoTime
	}
	return e
}

// forgetTimesLocked forgets the times of what had a path, or was below it.
func (c *Cache) forgetTimesLocked(full string) {
	for kept := range c.times {
		if below(full, kept) {
			delete(c.times, kept)
		}
	}
}
