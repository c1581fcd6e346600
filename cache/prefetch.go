package cache

import (
	"path"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"
)

const (
	// smallFile is the size up to which files are fetched before they are
	// asked for: for larger ones a round trip is a small part of the whole.
	smallFile = 512 << 10

	// maxUnread bounds how many files may have been fetched ahead and not
	// been read, which is what a reader who stops has cost in vain.
	maxUnread = 128

	// unreadFor is after which time a file that was fetched ahead counts as
	// fetched in vain.
	unreadFor = 30 * time.Second

	// orderGap is how many entries a reader may leave out and still count as
	// one who reads a directory in order.
	orderGap = 8
)

// order notices when the files of a directory are read one after the other,
// as cp -r, tar and grep -r do. It is guarded by Cache.mu.
type order struct {
	dir    string // of the file that was read last
	index  int    // its place there
	streak int    // how many files in a row were in order
	unread map[contentKey]time.Time
}

// readBegins notes that the content of t is read from its begin, and fetches
// the files ahead that will be wanted if that is part of a series.
func (c *Cache) readBegins(t *content) {
	if t.entry.Size > smallFile || c.cfg.Prefetch != PrefetchAll {
		return
	}
	dir, name := path.Split(t.key.path)
	dir = path.Clean(dir)
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.order
	if _, ok := o.unread[t.key]; ok {
		delete(o.unread, t.key)
		c.counters.FilesAheadUsed++
	}
	d, ok := c.dirs.Peek(dir)
	if !ok {
		return
	}
	at, ok := d.index[name]
	i := int(at)
	switch {
	case !ok:
		return
	case dir == o.dir && i == o.index:
		return // the same once more
	case dir == o.dir && i > o.index && i <= o.index+orderGap, dir != o.dir && o.streak > 0 && i < orderGap:
		o.streak++
	default:
		o.streak = 0
	}
	o.dir, o.index = dir, i
	if o.streak >= 2 {
		c.fetchAheadLocked()
	}
}

// fetchAheadLocked fetches files that follow the one which was read last: in
// its directory, and then in the directories after it as far as their
// listings are known.
func (c *Cache) fetchAheadLocked() {
	o := &c.order
	now := c.cfg.Now()
	for k, since := range o.unread {
		if now.Sub(since) > unreadFor {
			delete(o.unread, k)
			o.streak = 0 // it was no good idea
		}
	}
	window := min(4<<min(o.streak, 5), maxUnread)
	if o.streak < 2 {
		return
	}
	d, ok := c.dirs.Peek(o.dir)
	if !ok {
		return
	}
	if window = c.fetchFromLocked(o.dir, d, o.index+1, window); window == 0 {
		return
	}
	parent, name := path.Split(o.dir)
	parent = path.Clean(parent)
	above, ok := c.dirs.Peek(parent)
	if !ok || o.dir == "/" {
		return
	}
	for i := int(above.index[name]) + 1; i < above.Len() && window > 0; i++ {
		if e := above.At(i); e.Type == listing.Dir {
			next := path.Join(parent, e.Name)
			if d, ok := c.dirs.Peek(next); ok {
				window = c.fetchFromLocked(next, d, 0, window)
			}
		}
	}
}

// fetchFromLocked fetches up to window small files of d, from index i on. It
// returns how much of the window is left; 0 also if no more can be done now.
func (c *Cache) fetchFromLocked(dir string, d *Dir, i, window int) int {
	for ; i < d.Len() && window > 0; i++ {
		e, ok := d.entryNowLocked(d.At(i).Name)
		if !ok || e.Type != listing.File || e.Size <= 0 || e.Size > smallFile || e.SizeRough {
			continue
		}
		window--
		key := c.keyLocked(path.Join(dir, e.Name), e)
		if c.drafts[key.path] != nil {
			continue
		}
		if _, ok := c.order.unread[key]; ok || c.contents[key] != nil || c.blocks.has(blockKey{key, 0}) {
			continue
		}
		if len(c.order.unread) >= maxUnread {
			return 0
		}
		select {
		case c.ahead <- struct{}{}:
		default:
			return 0
		}
		c.order.unread[key] = c.cfg.Now()
		c.counters.FilesAhead++
		t := c.contentLocked(key, e)
		if !c.backgroundLocked(func() { c.fetchAhead(t) }) {
			<-c.ahead
			return 0
		}
	}
	return window
}

// fetchAhead fetches a whole small file, and then goes on with others.
func (c *Cache) fetchAhead(t *content) {
	if p := t.prefetch(); p != nil {
		<-p.done // Close ends it as well
	}
	t.release()
	c.mu.Lock()
	defer c.mu.Unlock()
	<-c.ahead
	c.loadQueueLocked()
	c.fetchAheadLocked()
}

// prefetch begins to fetch a content that nobody waits for yet. What it
// returns is done when the last block has come; nil if somebody else is at
// it.
func (t *content) prefetch() *pending {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := (t.size - 1) / blockSize
	if len(t.fetches) > 0 || len(t.pending) > 0 || t.cache.blocks.has(t.blockKey(last)) {
		return nil
	}
	f := t.startLocked(0, plan{open: true})
	p := &pending{done: make(chan struct{}), fetch: f}
	t.pending[last] = p
	f.lane = ftpconn.LaneSpeculative
	f.extendLocked(0, last+1)
	return p
}
