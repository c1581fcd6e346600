package cache

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"ftpfs/ftpconn"
)

// content is one version of a file that is open.
type content struct {
	cache *Cache
	key   contentKey
	entry ftpconn.Entry
	lasts bool // the version is sure enough to be kept on disk

	users int // guarded by Cache.mu

	place atomic.Pointer[string] // where the file is now; it may have been renamed

	mu       sync.Mutex // guards all that follows
	size     int64      // -1: not known
	verified time.Time  // when the server was known to have this version
	pending  map[int64]*pending
	fetches  map[*fetch]struct{}
	segments segments
	checksum checksum
	bad      error // what all reads answer from now on; nil: it is good
}

// spoil makes all reads fail from now on.
func (t *content) spoil(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bad == nil {
		t.bad = err
	}
	return t.bad
}

// spoilt is what all reads answer, or nil.
func (t *content) spoilt() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bad
}

// pending is a block that somebody waits for, or that a transfer has promised.
type pending struct {
	done  chan struct{} // closed when data and err are set
	fetch *fetch
	data  []byte
	err   error

	// The first bytes of a block may be all that a reader needs, and the rest
	// takes some round trips on a new data connection.
	begun []byte        // what has come so far
	grew  chan struct{} // closed when begun was set; nil if nobody waits for it
}

// waitLocked returns a channel that is closed when more of the block has come.
func (p *pending) waitLocked() <-chan struct{} {
	if p.grew == nil {
		p.grew = make(chan struct{})
	}
	return p.grew
}

// growLocked notes what has come of the block.
func (p *pending) growLocked(begun []byte) {
	p.begun = begun
	if p.grew != nil {
		close(p.grew)
		p.grew = nil
	}
}

func newContent(c *Cache, key contentKey, e ftpconn.Entry) *content {
	t := &content{
		cache: c, key: key, entry: e, lasts: c.cfg.Disk != nil && lasting(e, c.cfg.Now()), size: e.Size, verified: c.cfg.Now(),
		pending: make(map[int64]*pending), fetches: make(map[*fetch]struct{}),
		checksum: c.beginChecksum(),
	}
	t.place.Store(&key.path)
	return t
}

// path is where the server has the file.
func (t *content) path() string { return *t.place.Load() }

// release is the end of one File. The last one ends the transfers.
func (t *content) release() {
	c := t.cache
	c.mu.Lock()
	t.users--
	last := t.users == 0
	if last {
		delete(c.contents, t.key)
	}
	c.mu.Unlock()
	if !last {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endSegmentsLocked(false)
	for f := range t.fetches {
		f.leaveLocked()
	}
}

func (t *content) blockKey(i int64) blockKey { return blockKey{t.key, i} }

// read collects the blocks from off to off+n.
func (t *content) read(ctx context.Context, off int64, n int, pl plan) ([][]byte, error) {
	first, last := off/blockSize, (off+int64(n)-1)/blockSize
	pieces := make([][]byte, 0, last-first+1)
	for i := first; i <= last; i++ {
		data, err := t.block(ctx, i, last, min(blockSize, off+int64(n)-i*blockSize), pl)
		if err != nil {
			return nil, err
		}
		from := max(0, off-i*blockSize)
		to := min(int64(len(data)), off+int64(n)-i*blockSize)
		if from < to {
			pieces = append(pieces, data[from:to])
		}
		if len(data) < blockSize {
			break // the last block of the file
		}
	}
	return pieces, nil
}

// block returns block i, of a read that goes on to block last, or at least its
// first upto bytes.
func (t *content) block(ctx context.Context, i, last, upto int64, pl plan) ([]byte, error) {
	t.mu.Lock()
	data, ok := t.cache.blocks.get(t.blockKey(i))
	if !ok && t.lasts && t.pending[i] == nil && t.cache.blocks.has(t.blockKey(i)) {
		t.mu.Unlock()
		data = t.cache.blocks.fromDisk(t.blockKey(i))
		ok = data != nil
		t.cache.traffic.disk.Add(int64(len(data)))
		t.mu.Lock()
	}
	if ok {
		if pl.open {
			t.pushLocked(last, pl)
		}
		t.mu.Unlock()
		return data, nil
	}
	p := t.pending[i]
	if p == nil {
		if t.size >= 0 && i*blockSize >= t.size {
			t.mu.Unlock()
			return nil, nil
		}
		p = &pending{done: make(chan struct{})}
		t.pending[i] = p
	}
	t.assignLocked(i, last, p, pl)
	for {
		if begun := p.begun; int64(len(begun)) >= upto {
			t.mu.Unlock()
			return begun, nil
		}
		grew := p.waitLocked()
		t.mu.Unlock()
		select {
		case <-p.done:
			return p.data, p.err
		case <-grew:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		t.mu.Lock()
	}
}

// assignLocked sees to it that a transfer will bring block i: one that is on
// its way to it, or a new one.
func (t *content) assignLocked(i, last int64, p *pending, pl plan) {
	want := last + 1 + pl.ahead/blockSize
	if p.fetch != nil {
		p.fetch.extendLocked(last+1, want)
		if pl.open {
			t.segmentLocked(p.fetch, last)
		}
		return
	}
	var best *fetch
	for f := range t.fetches {
		if f.mayReachLocked(i, pl) && (best == nil || f.next > best.next) {
			best = f
		}
	}
	if best == nil {
		best = t.startLocked(i, pl)
	}
	p.fetch = best
	best.extendLocked(last+1, want)
	if pl.open {
		t.segmentLocked(best, last)
	}
}

// pushLocked lets the transfer that reads ahead of a reader in order go on.
func (t *content) pushLocked(last int64, pl plan) {
	want := last + 1 + pl.ahead/blockSize
	if t.segments.on {
		t.segmentLocked(nil, last)
		return
	}
	for f := range t.fetches {
		if f.next > last-slack/blockSize && f.next <= want {
			f.extendLocked(0, want)
			return
		}
	}
	// The transfer was ended in the pause, or the blocks were in the cache
	// before: go on at the first one that is missing.
	if t.size < 0 {
		return
	}
	half := last + 1 + pl.ahead/blockSize/2
	for i := last + 1; i < half && i*blockSize < t.size; i++ {
		if t.pending[i] != nil {
			return
		}
		if !t.cache.blocks.has(t.blockKey(i)) {
			t.startLocked(i, pl).extendLocked(0, want)
			return
		}
	}
}
