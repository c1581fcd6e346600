package cache

import (
	"context"
	"fmt"
	"io"

	"ftpfs/ftpconn"
)

const (
	// pieceSize is the unit in which a file that is read here and there is
	// kept: a page, which is the least that the kernel asks for.
	pieceSize = 4 << 10

	// pieceRun is how much is fetched for such a read. A new data connection
	// brings about 14 KB in its first flight (ten segments, RFC 6928), so that
	// more would cost more round trips, and less saves nothing.
	pieceRun = 12 << 10
)

// pieceKey names a page of a file. Pieces share the budget of blocks; their
// indexes are negative.
func (t *content) pieceKey(page int64) blockKey { return t.blockKey(^page) }

// readPieces answers a small read that is not part of a series: from whole
// blocks where they are there or on their way, and else with a short transfer
// of its own.
func (t *content) readPieces(ctx context.Context, off int64, n int) ([][]byte, error) {
	first, last := off/pieceSize, (off+int64(n)-1)/pieceSize
	var pieces [][]byte
	for page := first; page <= last; page++ {
		data, ok, err := t.piece(ctx, page)
		if err != nil {
			return nil, err
		}
		if !ok {
			return t.read(ctx, off, n, plan{})
		}
		from := max(0, off-page*pieceSize)
		to := min(int64(len(data)), off+int64(n)-page*pieceSize)
		if from < to {
			pieces = append(pieces, data[from:to])
		}
	}
	return pieces, nil
}

// piece returns one page. ok is false if its block is the better way to it.
func (t *content) piece(ctx context.Context, page int64) (data []byte, ok bool, err error) {
	t.mu.Lock()
	block := page * pieceSize / blockSize
	if t.size < 0 || t.pending[block] != nil || t.cache.blocks.has(t.blockKey(block)) {
		t.mu.Unlock()
		return nil, false, nil
	}
	if data, ok := t.cache.blocks.get(t.pieceKey(page)); ok {
		t.mu.Unlock()
		return data, true, nil
	}
	if t.lasts && t.cache.blocks.has(t.pieceKey(page)) {
		t.mu.Unlock()
		if data := t.cache.blocks.fromDisk(t.pieceKey(page)); data != nil {
			t.cache.traffic.disk.Add(int64(len(data)))
			return data, true, nil
		}
		t.mu.Lock()
	}
	p := t.pending[^page]
	if p == nil {
		p = t.fetchPiecesLocked(page)
	}
	t.mu.Unlock()
	select {
	case <-p.done:
		// What went wrong is found out by the transfer of the block, which
		// also knows how to go on after a break.
		return p.data, p.err == nil, nil
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
}

// fetchPiecesLocked begins to fetch a page and some behind it.
func (t *content) fetchPiecesLocked(page int64) *pending {
	var run []*pending
	for i := page; i < page+pieceRun/pieceSize && i*pieceSize < t.size; i++ {
		if t.pending[^i] != nil || t.cache.blocks.has(t.pieceKey(i)) {
			break
		}
		p := &pending{done: make(chan struct{})}
		t.pending[^i] = p
		run = append(run, p)
	}
	length := min(int64(len(run))*pieceSize, t.size-page*pieceSize)
	fetch := func() {
		data, err := t.fetchRange(t.cache.ctx, page*pieceSize, length)
		t.mu.Lock()
		defer t.mu.Unlock()
		for i, p := range run {
			if p.err = err; err == nil {
				// A copy, so that one page does not keep the others.
				p.data = append([]byte(nil), data[i*pieceSize:min((i+1)*pieceSize, len(data))]...)
				t.keep(t.pieceKey(page+int64(i)), p.data)
			}
			delete(t.pending, ^(page + int64(i)))
			close(p.done)
		}
	}
	if !t.cache.background(fetch) {
		for i, p := range run {
			p.err = ftpconn.ErrClosed
			delete(t.pending, ^(page + int64(i)))
			close(p.done)
		}
	}
	return run[0]
}

// fetchRange reads a part of the file with a transfer of its own.
func (t *content) fetchRange(ctx context.Context, off, length int64) ([]byte, error) {
	if err := t.verify(ctx); err != nil {
		return nil, err
	}
	t.mu.Lock()
	size := t.size
	t.mu.Unlock()
	s, err := t.cache.remote.Retr(ctx, t.path(), ftpconn.RetrOptions{Offset: off, Length: length, Size: size, Lane: ftpconn.LaneRead})
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	data := make([]byte, length)
	n, err := io.ReadFull(s, data)
	t.cache.traffic.server.Add(int64(n))
	_ = s.Close()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ftpconn.Printable(t.key.path), err)
	}
	return data, nil
}

// has says that a part of the content is in the cache.
func (t *content) has(p span) bool {
	for page := p.from / pieceSize; page*pieceSize < p.to; page++ {
		if !t.cache.blocks.has(t.blockKey(page*pieceSize/blockSize)) && !t.cache.blocks.has(t.pieceKey(page)) {
			return false
		}
	}
	return true
}
