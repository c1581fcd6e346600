package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"ftpfs/ftpconn"
)

// ErrReadOnly says that the cache was told not to change anything.
var ErrReadOnly = errors.New("mounted read-only")

// Read returns up to n bytes at an offset. It returns less only at the end.
func (d *Draft) Read(ctx context.Context, off int64, n int) ([]byte, error) {
	for try := 0; ; try++ {
		data, err := d.read(ctx, off, n)
		if !errors.Is(err, errSpent) || try > 0 {
			return data, err // a file without a name is not sent
		}
		if err := d.Sync(ctx); err != nil {
			return nil, err
		}
	}
}

// errSpent says that bytes were sent and then given up here, for want of space.
var errSpent = errors.New("sent and not kept")

func (d *Draft) read(ctx context.Context, off int64, n int) ([]byte, error) {
	data, gaps, originEnd, err := d.readStaged(off, n)
	if err != nil {
		return nil, err
	}
	for _, g := range gaps {
		if g.to > originEnd {
			return nil, fmt.Errorf("%s: %w", ftpconn.Printable(d.path), errSpent)
		}
		if err := d.readOrigin(ctx, data[g.from-off:g.to-off], g.from); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// readStaged reads what is here, and returns what is not.
func (d *Draft) readStaged(off int64, n int) (data []byte, gaps spans, originEnd int64, err error) {
	d.room.RLock()
	defer d.room.RUnlock()
	d.mu.Lock()
	n = int(min(int64(n), d.size-off))
	if n <= 0 || off < 0 {
		d.mu.Unlock()
		return nil, nil, 0, nil
	}
	gaps = d.local.missing(span{off, off + int64(n)})
	file, ended := d.file, d.ended
	originEnd = d.originEnd
	d.mu.Unlock()
	if file == nil && ended != nil {
		return nil, nil, 0, ended
	}
	data = make([]byte, n)
	if file != nil {
		if _, err := file.ReadAt(data, off); err != nil && !errors.Is(err, io.EOF) {
			return nil, nil, 0, err
		}
	}
	return data, gaps, originEnd, nil
}

// readOrigin reads what the server has, and nobody changed.
func (d *Draft) readOrigin(ctx context.Context, p []byte, off int64) error {
	f, err := d.openOrigin(ctx)
	if err != nil {
		return err
	}
	for len(p) > 0 {
		pieces, err := f.Read(ctx, off, len(p))
		if err != nil {
			return err
		}
		n := 0
		for _, piece := range pieces {
			n += copy(p[n:], piece)
		}
		if n == 0 {
			return fmt.Errorf("%s: %w", ftpconn.Printable(d.path), ftpconn.ErrShort)
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

func (d *Draft) openOrigin(ctx context.Context) (*File, error) {
	d.c.mu.Lock()
	base, full := d.base, d.path
	d.c.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.origin != nil {
		return d.origin, nil
	}
	if base == nil {
		return nil, fmt.Errorf("%s: %w", ftpconn.Printable(full), ftpconn.ErrChanged)
	}
	d.mu.Unlock() // Open takes Cache.mu, which comes before
	f, err := d.c.Open(ctx, full, *base)
	d.mu.Lock()
	if err != nil {
		return nil, err
	}
	if d.origin != nil {
		_ = f.Close()
		return d.origin, nil
	}
	d.origin = f
	return f, nil
}

// Write puts data at an offset. appends says that the handle was opened to
// append.
func (d *Draft) Write(ctx context.Context, data []byte, off int64, appends bool) error {
	if err := d.turn.take(ctx); err != nil {
		return err
	}
	defer d.turn.give()
	if err := d.hasEnded(); err != nil {
		return err
	}
	file, err := d.stage()
	if err != nil {
		return err
	}
	end := off + int64(len(data))
	if err := d.rewind(ctx, off); err != nil {
		return err
	}
	if err := d.writeAt(ctx, file, data, off); err != nil {
		return err
	}
	d.mu.Lock()
	from := off
	if off > d.size {
		from = d.size // a hole is zeros, and these are here
	}
	d.local = d.local.add(span{from, end})
	d.restless = d.restless || off != d.size
	d.clean = min(d.clean, off)
	d.size = max(d.size, end)
	d.appended = d.appended && appends
	d.changedLocked()
	d.mu.Unlock()
	d.streamOn()
	return d.yieldToSender(ctx)
}

// hasEnded tells a writer that what it writes has no place to go to any more.
func (d *Draft) hasEnded() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ended
}

// changedLocked notes that the content is new. The caller holds d.mu.
func (d *Draft) changedLocked() {
	d.dirty, d.timeSet, d.midst, d.altered = true, false, true, true
	d.mtime = d.c.cfg.Now().Truncate(time.Second)
}

// rewind prepares a change at an offset: before the end, where the sender may be
// reading just now, it ends the stream.
func (d *Draft) rewind(ctx context.Context, off int64) error {
	if off >= d.Size() {
		return nil
	}
	s, whole := d.takeSender()
	if !whole {
		// The begin is not here any more: what was sent becomes the file, and
		// the rest a change of it.
		return d.send(ctx)
	}
	if s != nil {
		s.end()
		d.c.dropTemp(s.name)
	}
	return nil
}

// Truncate sets the size.
func (d *Draft) Truncate(ctx context.Context, size int64) error {
	if err := d.turn.take(ctx); err != nil {
		return err
	}
	defer d.turn.give()
	if err := d.hasEnded(); err != nil {
		return err
	}
	d.mu.Lock()
	same := size == d.size && (size > 0 || d.dirty)
	d.mu.Unlock()
	if same {
		return nil
	}
	if size == 0 {
		d.stopSender()
		d.putAside()
	}
	file, err := d.stage()
	if err != nil {
		return err
	}
	if err := d.rewind(ctx, size); err != nil {
		return err
	}
	if err := file.Truncate(size); err != nil {
		return err
	}
	d.mu.Lock()
	if size < d.size {
		d.local = d.local.cut(span{size, 1<<63 - 1})
		d.originEnd = min(d.originEnd, size)
		d.clean = min(d.clean, size)
		d.appended = false
	} else {
		d.local = d.local.add(span{d.size, size})
		d.appended = false
	}
	d.size = size
	if size == 0 {
		d.restless = false
	}
	d.changedLocked()
	d.mu.Unlock()
	return d.recordAgain() // the one that is there tells of more bytes
}

// fill brings the rest of the content here, and makes sure that all of it is of
// the version that the Draft is based on. The caller has the turn.
func (d *Draft) fill(ctx context.Context) error {
	for try := 0; ; try++ {
		d.mu.Lock()
		before := d.local
		gaps := before.missing(span{0, d.size})
		d.local = slices.Clone(before)
		d.mu.Unlock()
		if len(gaps) == 0 {
			return nil
		}
		sure := d.cached(ctx, gaps) // of the version that was opened
		err := d.fillGaps(ctx, gaps)
		if err == nil && !sure {
			err = d.stillBase(ctx)
		}
		if err == nil || !errors.Is(err, ftpconn.ErrChanged) {
			return err
		}
		// What came may be of another version.
		d.mu.Lock()
		d.local = before
		d.mu.Unlock()
		if d.c.cfg.OnConflict != ConflictOverwrite || try > 2 {
			return fmt.Errorf("%w: %w", errPieces, err)
		}
		if err := d.rebase(ctx); err != nil {
			return err
		}
	}
}

// cached says that parts of the file as it was have all been read before.
func (d *Draft) cached(ctx context.Context, parts spans) bool {
	f, err := d.openOrigin(ctx)
	if err != nil {
		return false
	}
	for _, p := range parts {
		if !f.c.has(p) {
			return false
		}
	}
	return true
}

func (d *Draft) fillGaps(ctx context.Context, gaps spans) error {
	file, err := d.stage()
	if err != nil {
		return err
	}
	d.mu.Lock()
	originEnd := d.originEnd
	d.mu.Unlock()
	for _, g := range gaps {
		if g.to > originEnd {
			return fmt.Errorf("%s: %w", ftpconn.Printable(d.path), errBegin)
		}
		for off := g.from; off < g.to; {
			data := make([]byte, min(blockSize, g.to-off))
			if err := d.readOrigin(ctx, data, off); err != nil {
				return err
			}
			if err := d.writeAt(ctx, file, data, off); err != nil {
				return err
			}
			d.mu.Lock()
			d.local = d.local.add(span{off, off + int64(len(data))})
			d.mu.Unlock()
			off += int64(len(data))
		}
	}
	return nil
}

// errPieces says that what was written are parts of a version that is not there
// any more: the whole can not be put together.
var errPieces = fmt.Errorf("the rest of the file as it was can not be had any more: %w", ErrConflict)

// stillBase says whether the server has what the Draft is based on.
func (d *Draft) stillBase(ctx context.Context) error {
	d.c.mu.Lock()
	full, base := d.path, d.base
	d.c.mu.Unlock()
	e, err := d.c.remote.Stat(ctx, full, ftpconn.LaneMeta)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case base != nil && sameVersion(*base, e):
		return nil
	}
	return fmt.Errorf("%s: %w", ftpconn.Printable(full), ErrConflict)
}

// rebase takes what the server has now for what the Draft is based on.
func (d *Draft) rebase(ctx context.Context) error {
	d.c.mu.Lock()
	full := d.path
	d.c.mu.Unlock()
	e, err := d.c.remote.Stat(ctx, full, ftpconn.LaneMeta)
	if err != nil {
		return err
	}
	d.c.mu.Lock()
	d.base, d.since = &e, d.c.cfg.Now()
	d.c.bumpLocked(full)
	d.c.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.origin != nil {
		_ = d.origin.Close()
		d.origin = nil
	}
	if e.Size < d.originEnd {
		d.local = slices.Clone(d.local).add(span{e.Size, d.originEnd}) // a hole
		d.originEnd = e.Size
	}
	return nil
}

// Hold brings the whole content of a file here, up to a bound, so that it can be
// read after it lost its name. nil means that it is too large.
func (c *Cache) Hold(ctx context.Context, full string, e ftpconn.Entry) (*Draft, error) {
	if e.Size > holdLimit {
		return nil, nil
	}
	d, err := c.Edit(ctx, full, e, false)
	if err != nil {
		return nil, err
	}
	if err = d.turn.take(ctx); err == nil {
		err = d.fill(ctx)
		d.turn.give()
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// holdLimit is up to which size an open file is fetched before it is removed.
const holdLimit = 64 << 20
