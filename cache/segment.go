package cache

import (
	"time"
)

// One TCP stream moves at most a window of data in a round trip: over a long
// link that is a fraction of what the link can do. A large file that is read in
// order is therefore fetched in segments, several at once, as long as that
// proves faster than one.
const (
	// segmentRoundTrip is the round trip from which on segments are tried.
	segmentRoundTrip = 5 * time.Millisecond

	// segmentFlight is how much data one transfer must have on its way for
	// its window to be what holds it back. Where less is under way the link
	// itself is slow, segments would share it, and the reader would wait for
	// the first of them longer than before.
	segmentFlight = 512 << 10

	// A segment below the least size ends before its transfer has found its
	// speed.
	minSegment = 4 << 20
	maxSegment = 32 << 20

	maxSegments = 8

	// segmentGain is how much faster than one transfer the segments together
	// must be to go on.
	segmentGain  = 1.3
	segmentTrial = time.Second

	// segmentStart is after how many round trips segments are at full speed:
	// logins, and the growing windows of TCP.
	segmentStart = 20
)

// segments is how a content is fetched in segments. It is guarded by
// content.mu.
type segments struct {
	on   bool
	tail int64 // the block where the next segment begins
	size int64 // of a segment, in blocks
	most int   // how many at once

	since time.Time // of what is measured
	bytes int64     // that have come since
	best  float64   // the fastest single transfer, bytes a second
}

// trial says, for a whole cache, whether segments are worth it. It is guarded
// by Cache.mu.
type trial struct {
	user  *content // the one that is fetched in segments: they may fill most of the budget
	off   time.Time
	pause time.Duration
}

// segmentLocked begins or continues to fetch the file in segments, if a reader
// in order, who is at block last, is held back by the transfer f.
func (t *content) segmentLocked(f *fetch, last int64) {
	s := &t.segments
	if !s.on && !t.beginSegmentsLocked(f) {
		return
	}
	if now := time.Now(); now.Sub(s.since) >= segmentTrial {
		rate := float64(s.bytes) / now.Sub(s.since).Seconds()
		s.since, s.bytes = now, 0
		if rate < segmentGain*s.best {
			t.cache.cfg.Logger.Info("segments are no faster than one transfer", "path", t.key.path, "bytes/s", int64(rate), "one", int64(s.best))
			t.endSegmentsLocked(true)
			return
		}
	}
	for s.tail*blockSize < t.size && s.tail-last < s.size*int64(s.most) && len(t.fetches) < s.most {
		if t.cache.blocks.has(t.blockKey(s.tail)) || t.pending[s.tail] != nil {
			s.tail++
			continue
		}
		if t.cache.remote.Room() == 0 {
			return
		}
		g := t.startLocked(s.tail, plan{open: true})
		g.end, g.segment = s.tail+s.size, true
		g.extendLocked(0, g.end)
		s.tail = g.end
	}
	if s.tail*blockSize >= t.size {
		t.endSegmentsLocked(false)
	}
}

// beginSegmentsLocked decides whether segments are to be tried.
func (t *content) beginSegmentsLocked(f *fetch) bool {
	c := t.cache
	trip := c.remote.RoundTrip()
	rest := t.size/blockSize - f.next
	if t.size < 0 || f.end >= 0 || rest < 4*minSegment/blockSize ||
		trip < segmentRoundTrip || f.rate*trip.Seconds() < segmentFlight {
		return false
	}
	most := int64(min(maxSegments, c.remote.Room()+1, c.cfg.Connections))
	size := min(maxSegment, c.cfg.Size*3/4/max(1, most), rest*blockSize/max(1, most)) / blockSize
	if most < 2 || size < minSegment/blockSize {
		return false
	}
	c.mu.Lock()
	free := c.trial.user == nil && time.Now().After(c.trial.off)
	if free {
		c.trial.user = t
	}
	c.mu.Unlock()
	if !free {
		return false
	}
	f.end = f.next + size
	t.segments = segments{on: true, tail: f.end, size: size, most: int(most), since: time.Now().Add(segmentStart * trip), best: f.rate}
	return true
}

// endSegmentsLocked lets the rest be fetched by one transfer again.
func (t *content) endSegmentsLocked(inVain bool) {
	if !t.segments.on {
		return
	}
	t.segments.on = false
	c := t.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trial.user = nil
	if inVain {
		c.trial.pause = min(max(time.Minute, 2*c.trial.pause), time.Hour)
		c.trial.off = time.Now().Add(c.trial.pause)
	}
}

// dropSegmentsLocked ends segments that a reader who went elsewhere will not
// come to.
func (t *content) dropSegmentsLocked() {
	t.endSegmentsLocked(false)
	for f := range t.fetches {
		if f.segment {
			f.leaveLocked()
		}
	}
}

// measureLocked notes how fast a transfer moves while it need not wait for its
// reader: rate is of the last tenth of a second at least.
func (f *fetch) measureLocked(n int, took time.Duration) {
	const window = 100 * time.Millisecond
	f.movedBytes += int64(n)
	f.movedTime += took
	s := &f.t.segments
	if s.on && time.Now().After(s.since) {
		s.bytes += int64(n)
	}
	if f.movedTime >= window {
		f.rate = float64(f.movedBytes) / f.movedTime.Seconds()
		f.movedBytes, f.movedTime = 0, 0
		s.best = max(s.best, f.rate)
	}
}

// wentElsewhere says that a reader in order is one no more.
func (t *content) wentElsewhere() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.segments.on {
		t.dropSegmentsLocked()
	}
}
