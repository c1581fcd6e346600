package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ftpfs/ftpconn"
)

const (
	// idleFetch is how long a transfer that nobody reads keeps its
	// connection.
	idleFetch = 4 * time.Second

	// skipLimit is how far a transfer reads on, through bytes that nobody
	// asked for, to reach what somebody did: cheaper than a new transfer.
	skipLimit = 1 << 20

	// resumes is how often in a row a transfer that broke is begun again
	// without a byte of progress.
	resumes = 3
)

// fetch is one transfer of a content: it brings block after block, as far as
// it is wanted, and waits when it is ahead of that. Its fields are guarded by
// content.mu.
type fetch struct {
	t      *content
	next   int64        // the block that comes next
	end    int64        // no block from here on; -1: to the end of the file
	needed int64        // blocks before this one are waited for
	wanted int64        // blocks before this one may be read ahead
	lane   ftpconn.Lane // while nobody waits
	gone   bool         // nobody has the file open any more
	fixed  bool         // end was told to the server
	stream ftpconn.Stream

	segment    bool    // one of several at once, see segments
	rate       float64 // bytes a second; 0: not known yet
	movedBytes int64   // since rate was found
	movedTime  time.Duration

	wake chan struct{} // has room for one
}

// startLocked begins a transfer at block i.
func (t *content) startLocked(i int64, pl plan) *fetch {
	f := &fetch{t: t, next: i, end: -1, needed: i, wanted: i, lane: ftpconn.LaneReadAhead, wake: make(chan struct{}, 1)}
	if !pl.open {
		f.end = i + 1 // grows with extendLocked until the transfer begins
	}
	t.fetches[f] = struct{}{}
	if !t.cache.background(f.run) {
		// Close came first: run only has to say so.
		go f.finish(ftpconn.ErrClosed)
	}
	return f
}

// mayReachLocked says whether block i is best waited for here.
func (f *fetch) mayReachLocked(i int64, pl plan) bool {
	if f.gone || i < f.next || f.end >= 0 && i >= f.end {
		return false
	}
	return i-f.next <= skipLimit/blockSize || i < f.wanted
}

// extendLocked notes how far the transfer is needed, and wanted.
func (f *fetch) extendLocked(needed, wanted int64) {
	if f.end >= 0 && !f.fixed && needed > f.end {
		f.end = needed
	}
	f.needed = max(f.needed, needed)
	f.wanted = max(f.wanted, wanted, f.needed)
	if f.stream != nil {
		f.stream.SetLane(f.laneLocked())
	}
	f.poke()
}

func (f *fetch) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// leaveLocked says that nobody has the file open any more.
func (f *fetch) leaveLocked() {
	f.gone = true
	if s := f.stream; s != nil && !f.promisedLocked() {
		// It may wait for a server that is silent.
		f.t.cache.background(func() { _ = s.Close() })
	}
	f.poke()
}

func (f *fetch) laneLocked() ftpconn.Lane {
	if f.next < f.needed {
		return ftpconn.LaneRead
	}
	return f.lane
}

// run is the transfer's goroutine.
func (f *fetch) run() {
	f.finish(f.transfer(f.t.cache.ctx))
}

// finish ends the transfer: blocks that were promised and will not come get
// the error.
func (f *fetch) finish(err error) {
	t := f.t
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.fetches, f)
	if f.stream != nil {
		_ = f.stream.Close()
		f.stream = nil
	}
	var again []int64
	for i, p := range t.pending {
		if p.fetch != f {
			continue
		}
		if err == nil {
			again = append(again, i)
			continue
		}
		p.err = err
		delete(t.pending, i)
		close(p.done)
	}
	// The transfer ended in order just when somebody asked for more.
	for _, i := range again {
		p := t.pending[i]
		p.fetch = nil
		t.assignLocked(i, i, p, plan{})
	}
}

// transfer moves blocks until nothing more is wanted, opening the stream
// again when it gave way or broke.
func (f *fetch) transfer(ctx context.Context) error {
	t := f.t
	for broken := 0; ; {
		before := f.next
		more, err := f.wait(ctx)
		if err != nil || !more {
			return err
		}
		if err := f.open(ctx); err != nil {
			return err
		}
		err = f.move(ctx)
		f.close()
		switch {
		case err == nil:
			if f.atEnd() {
				return nil
			}
			continue // it was closed in a pause
		case errors.Is(err, ftpconn.ErrPreempted):
		case ctx.Err() != nil, errors.Is(err, ftpconn.ErrChanged), errors.Is(err, ftpconn.ErrClosed), errors.Is(err, ftpconn.ErrMismatch):
			return err
		case errors.Is(err, ftpconn.ErrSize):
			if err := t.shorter(ctx); !errors.Is(err, ftpconn.ErrShort) {
				return err
			}
			fallthrough
		default:
			if f.next > before {
				broken = 0
			}
			if broken++; broken > resumes {
				return err
			}
			f.t.cache.cfg.Logger.Info("a transfer broke and is resumed", "path", f.t.key.path, "offset", f.next*blockSize, "error", err)
		}
		t.doubt()
	}
}

// wait returns when there is something to fetch. more is false when the
// transfer is not wanted any longer.
func (f *fetch) wait(ctx context.Context) (more bool, err error) {
	t := f.t
	idle := time.NewTimer(idleFetch)
	defer idle.Stop()
	for {
		t.mu.Lock()
		waited := f.next < f.needed && t.pending[f.next] != nil || f.promisedLocked()
		gone := f.gone
		wanted := f.next < f.wanted && !gone
		t.mu.Unlock()
		if waited || wanted {
			return true, nil
		}
		if gone {
			return false, nil
		}
		select {
		case <-f.wake:
		case <-idle.C:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// promisedLocked says whether somebody waits for a block of this transfer.
func (f *fetch) promisedLocked() bool {
	for _, p := range f.t.pending {
		if p.fetch == f {
			return true
		}
	}
	return false
}

// open opens the stream where the transfer stands.
func (f *fetch) open(ctx context.Context) error {
	t := f.t
	if err := t.verify(ctx); err != nil {
		return err
	}
	t.mu.Lock()
	o := ftpconn.RetrOptions{Offset: f.next * blockSize, Length: -1, Size: t.size, Lane: f.laneLocked()}
	f.fixed = true
	if f.end >= 0 {
		o.Length = f.end*blockSize - o.Offset
	}
	if t.size >= 0 {
		o.Longer = t.longer
	}
	t.mu.Unlock()
	s, err := t.cache.remote.Retr(ctx, t.path(), o)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f.stream = s
	s.SetLane(f.laneLocked())
	return nil
}

func (f *fetch) close() {
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	if f.stream != nil {
		_ = f.stream.Close()
		f.stream = nil
	}
}

// move reads blocks from the stream until it ends, or a pause gets too long.
func (f *fetch) move(ctx context.Context) error {
	t := f.t
	stream := f.stream
	defer context.AfterFunc(ctx, func() { _ = stream.Close() })()
	for {
		more, err := f.wait(ctx)
		if err != nil || !more {
			return err
		}
		size := int64(blockSize)
		t.mu.Lock()
		if t.size >= 0 {
			size = min(size, t.size-f.next*blockSize)
		}
		t.mu.Unlock()
		if size <= 0 {
			return nil
		}
		block := make([]byte, size)
		start := time.Now()
		n, err := f.fill(block)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return f.ended(ctx, block[:n])
		}
		if err != nil {
			return err
		}
		took := time.Since(start)
		if err := t.check(ctx, f.next, block); err != nil {
			return err
		}
		f.deliver(block, took)
		if f.atEnd() {
			return nil
		}
	}
}

// fill reads a block, and shows it to those who wait as it comes. Its errors
// are those of io.ReadFull.
func (f *fetch) fill(block []byte) (n int, err error) {
	for n < len(block) && err == nil {
		var m int
		m, err = f.stream.Read(block[n:])
		n += m
		if m == 0 || n == len(block) {
			continue
		}
		f.t.mu.Lock()
		if p := f.t.pending[f.next]; p != nil && p.fetch == f {
			p.growLocked(block[:n:n])
		}
		f.t.mu.Unlock()
	}
	switch {
	case n == len(block):
		return n, nil
	case errors.Is(err, io.EOF) && n > 0:
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

// ended handles the end of the stream in the middle of a block: the end of a
// file whose size was not known, or less than was promised.
func (f *fetch) ended(ctx context.Context, rest []byte) error {
	t := f.t
	t.mu.Lock()
	known := t.size
	if known < 0 {
		t.size = f.next*blockSize + int64(len(rest))
	}
	t.mu.Unlock()
	if known >= 0 {
		return fmt.Errorf("%s: %w: %d bytes of %d", ftpconn.Printable(t.key.path), ftpconn.ErrShort, f.next*blockSize+int64(len(rest)), known)
	}
	if err := t.check(ctx, f.next, rest); err != nil {
		return err
	}
	f.deliver(rest, 0)
	return nil
}

// deliver puts the next block into the cache and gives it to those who wait.
// took is how long it was under way.
func (f *fetch) deliver(block []byte, took time.Duration) {
	t := f.t
	t.mu.Lock()
	defer t.mu.Unlock()
	f.measureLocked(len(block), took)
	t.cache.traffic.server.Add(int64(len(block)))
	i := f.next
	f.next++
	t.keep(t.blockKey(i), block)
	if p := t.pending[i]; p != nil {
		p.data = block
		delete(t.pending, i)
		close(p.done)
	}
	if len(block) < blockSize || t.size >= 0 && f.next*blockSize >= t.size {
		// Whoever asked for what lies behind the end gets nothing.
		for j, p := range t.pending {
			if j > i && p.fetch == f {
				delete(t.pending, j)
				close(p.done)
			}
		}
	}
	if f.stream != nil {
		f.stream.SetLane(f.laneLocked())
	}
}
