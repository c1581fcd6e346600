package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"
)

// directLimit is up to which size a new file is sent under its own name: all of
// it leaves in one piece then. Larger ones, and all that replaces something, go
// to a temporary name first.
const directLimit = 64 << 10

// seedLimit is up to which size content that was sent is kept as if it had been
// read.
const seedLimit = 4 << 20

// Sync brings the content to the server: nil says that the server has
// confirmed all of it, with the right size, under the file's name.
func (d *Draft) Sync(ctx context.Context) error {
	if err := d.turn.take(ctx); err != nil {
		return err
	}
	defer d.turn.give()
	d.mu.Lock()
	d.midst = false
	d.mu.Unlock()
	return d.send(ctx)
}

// Finish is what close waits for: Sync, or, with Config.WriteBack, that the
// content is safe on this machine.
func (d *Draft) Finish(ctx context.Context) error {
	if err := d.turn.take(ctx); err != nil {
		return err
	}
	defer d.turn.give()
	d.mu.Lock()
	d.midst = false
	d.mu.Unlock()
	if d.c.cfg.WriteBack && d.c.journal.Lasting() {
		d.mu.Lock()
		spent := d.sender != nil && d.sender.spent > 0
		needed := d.dirty && !d.gone && !spent
		d.recorded = d.recorded || needed // so that nothing of it is given up from now on
		d.mu.Unlock()
		if needed {
			if err := d.record(nil); err != nil {
				return err
			}
			d.dropPrior()
			d.c.later(d, false)
			return nil
		}
	}
	err := d.send(ctx)
	if err != nil && final(err) && !errors.Is(err, errKeptBeside) {
		d.lose(err, 1)
	}
	return err
}

// final says that trying again is of no use.
func final(err error) bool {
	return ftpconn.Final(err) || errors.Is(err, errPieces) || errors.Is(err, errBegin)
}

// send is Sync for those who have the turn.
func (d *Draft) send(ctx context.Context) error {
	c := d.c
	c.mu.Lock()
	full, base, gone := d.path, d.base, d.gone
	c.mu.Unlock()
	d.mu.Lock()
	dirty := d.dirty
	d.mu.Unlock()
	if err := d.Ended(); err != nil {
		return err // it was told before, maybe to a call that was interrupted
	}
	if gone || !dirty {
		return nil
	}
	if _, err := d.stage(); err != nil {
		return err
	}
	applied, err := d.deliver(ctx, full, base)
	if err == nil {
		d.delivered(full, applied)
		return nil
	}
	if errors.Is(err, errKeptBeside) {
		return d.settledBeside(err)
	}
	if ctx.Err() != nil && c.ctx.Err() == nil {
		err = ctx.Err()
	}
	d.mu.Lock()
	d.failed = err
	d.mu.Unlock()
	return err
}

// deliver sends the content in the way that is right for it, and returns what
// the server has then.
func (d *Draft) deliver(ctx context.Context, full string, base *ftpconn.Entry) (_ ftpconn.Applied, err error) {
	c := d.c
	look := d.lookAhead(ctx, full, base)
	c.mu.Lock()
	noAppend := c.noAppend || c.cfg.InPlace
	c.mu.Unlock()
	if from, ok := d.tail(base); ok && !noAppend {
		d.mu.Lock()
		appended, torn := d.appended, d.torn
		d.mu.Unlock()
		if !appended && !torn { // else sendTail looks what has become of the first try
			if err := look(); err != nil {
				return ftpconn.Applied{}, d.orBeside(ctx, full, err)
			}
		}
		applied, said := d.sendTail(ctx, full, from, base, appended)
		if !refused(said) {
			return applied, d.orBeside(ctx, full, said)
		}
		// ProFTPD's default is not to append. If this is about the file, what
		// follows will be refused too.
		d.mu.Lock()
		d.torn, d.appended = false, false
		d.mu.Unlock()
		defer func() {
			if err == nil {
				c.mu.Lock()
				c.noAppend = true
				c.mu.Unlock()
			}
		}()
	}
	s, err := d.finishSender(ctx)
	if errors.Is(err, errSpent) {
		return d.resume(ctx, s, full, base, look)
	}
	if err != nil {
		return ftpconn.Applied{}, err
	}
	if s != nil {
		applied, err := s.upload.Commit(ctx, d.settled(base))
		d.mu.Lock()
		d.sender = nil
		d.mu.Unlock()
		if err == nil {
			err = d.publishStream(ctx, s, full, base, look)
			if s.spent > 0 || !c.renameRefusal(full, err) {
				return applied, err
			}
		} else {
			if s.spent > 0 && !ftpconn.Final(err) {
				s.err, s.upload = err, nil
				return d.resume(ctx, s, full, base, look)
			}
			c.dropTemp(s.name)
			if ftpconn.Final(err) || ctx.Err() != nil {
				return applied, err
			}
		}
	}
	if err := d.fill(ctx); err != nil {
		return ftpconn.Applied{}, err
	}
	if size := d.Size(); base == nil && size <= directLimit || c.cfg.InPlace || c.refusesTemp(full) {
		if err := look(); err != nil {
			return ftpconn.Applied{}, d.orBeside(ctx, full, err)
		}
		return d.sendInPlace(ctx, full, base)
	}
	temp := c.tempName(full)
	applied, err := d.upload(ctx, temp, d.settled(base))
	if err != nil {
		c.dropTemp(temp)
		if tempRefusal(err) {
			if err := look(); err != nil {
				return ftpconn.Applied{}, d.orBeside(ctx, full, err)
			}
			applied, said := d.sendInPlace(ctx, full, base)
			if said == nil {
				c.noTempIn(path.Dir(full), err)
			}
			return applied, said
		}
		return applied, err
	}
	err = d.publish(ctx, temp, full, base, look, false)
	if c.renameRefusal(full, err) {
		return d.sendInPlace(ctx, full, base)
	}
	return applied, err
}

// resume goes on with a stream that broke, and of which the begin is not here
// any more: the server has it. If that can not be made sure, the file is lost.
func (d *Draft) resume(ctx context.Context, s *sender, full string, base *ftpconn.Entry, look func() error) (ftpconn.Applied, error) {
	c := d.c
	fail := func(err error) (ftpconn.Applied, error) {
		c.dropTemp(s.name)
		return ftpconn.Applied{}, fmt.Errorf("%w: %w", errBegin, err)
	}
	// What may pass is waited for: the next try begins here.
	pause := func(err error) (ftpconn.Applied, error) {
		d.mu.Lock()
		d.sender = s
		d.mu.Unlock()
		return ftpconn.Applied{}, err
	}
	if s.err != nil && ftpconn.Final(s.err) {
		return fail(s.err)
	}
	for broken := 0; ; broken++ {
		e, err := c.remote.Stat(ctx, s.name, ftpconn.LaneMeta)
		if err != nil && !ftpconn.Final(err) {
			return pause(err)
		}
		if err != nil || e.Size < s.spent || e.Size > d.Size() {
			return fail(errors.Join(err, s.err, ftpconn.ErrShort))
		}
		if e.Size == d.Size() {
			return d.arrivedWhole(ctx, s.name, e, base), d.publishStream(ctx, s, full, base, look)
		}
		c.cfg.Logger.Info("a stream broke and is resumed", "path", ftpconn.Printable(full), "offset", e.Size)
		_, applied, err := d.uploadFrom(ctx, s.name, e.Size, true, d.settled(base))
		if err == nil {
			return applied, d.publishStream(ctx, s, full, base, look)
		}
		if ftpconn.Final(err) {
			return fail(err)
		}
		if broken >= uploadTries || refused(err) || ctx.Err() != nil {
			return pause(err)
		}
	}
}

// arrivedWhole does to a file that is on the server what is left to be done.
func (d *Draft) arrivedWhole(ctx context.Context, name string, e ftpconn.Entry, base *ftpconn.Entry) ftpconn.Applied {
	s := d.settled(base)
	a := ftpconn.Applied{Entry: e}
	if a.Time = d.c.remote.SetTime(ctx, name, s.Time) == nil; a.Time {
		a.Entry.ModTime, a.Entry.ModPrec = s.Time, listing.Second
	}
	a.Mode = s.HasMode && d.c.remote.SetMode(ctx, name, s.Mode) == nil
	return a
}

// errBegin says that a file can not be sent again: its begin was sent, and not
// kept here.
var errBegin = errors.New("the begin of the file is not here any more, and the server has not kept it")

// publishStream is publish for a stream: where the server has the only copy of
// it, that is kept until it has its name, or can not get it.
func (d *Draft) publishStream(ctx context.Context, s *sender, full string, base *ftpconn.Entry, look func() error) error {
	only := s.spent > 0
	err := d.publish(ctx, s.name, full, base, look, only)
	if only && err != nil && !ftpconn.Final(err) && !errors.Is(err, ErrConflict) {
		s.err, s.upload = err, nil
		d.mu.Lock()
		d.sender = s
		d.mu.Unlock()
	}
	return err
}

// publish gives a file under a temporary name the one that it is for. With only
// what has that name stays after a failure that may pass.
func (d *Draft) publish(ctx context.Context, temp, full string, base *ftpconn.Entry, look func() error, only bool) error {
	c := d.c
	err := look()
	if err == nil {
		err = c.replace(ctx, temp, full, base != nil || d.mayBeThere(), false)
		if err == nil {
			c.forgetTemp(temp)
			return nil
		}
	}
	if !errors.Is(err, ErrConflict) {
		if !only || ftpconn.Final(err) {
			c.dropTemp(temp)
		}
		return err
	}
	return d.beside(ctx, full, err, func(name string) error {
		err := c.remote.Rename(ctx, temp, name)
		c.forgetTemp(temp)
		return err
	})
}

// mayBeThere says that an earlier try may have left something on the server.
func (d *Draft) mayBeThere() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.half || d.failed != nil
}

// settled says what the file is to be like when it is on the server.
func (d *Draft) settled(base *ftpconn.Entry) ftpconn.Settled {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := ftpconn.Settled{Size: d.size, Time: d.mtime, Mode: uint32(d.mode), HasMode: d.modeSet}
	if base != nil && base.HasMode && !d.modeSet && base.Mode != usualFile {
		s.Mode, s.HasMode = uint32(base.Mode), true // it replaces a file that had this one
	}
	return s
}

// sendInPlace sends the content to the file's own name. While that goes on,
// this machine's copy is the only whole one, so it is in the journal before
// something is overwritten.
func (d *Draft) sendInPlace(ctx context.Context, full string, base *ftpconn.Entry) (ftpconn.Applied, error) {
	if base != nil && base.Size > 0 {
		if err := d.recordAs(nil, true); err != nil {
			return ftpconn.Applied{}, err
		}
	}
	if base == nil {
		defer d.c.noteDirect(full, d.Size())()
	}
	applied, err := d.upload(ctx, full, d.settled(base))
	if err != nil && !ftpconn.Final(err) {
		d.mu.Lock()
		d.half, d.guessed, d.altered, d.halfUpto = true, false, false, max(d.halfUpto, d.size) // what the server has may be a part of ours
		d.mu.Unlock()
		if base == nil {
			d.removePart(full)
		}
	}
	return applied, err
}

// removePart removes what an upload that broke may have left under a name that
// was free before.
func (d *Draft) removePart(full string) {
	c := d.c
	size := d.Size()
	c.background(func() {
		ctx, cancel := context.WithTimeout(c.ctx, tidyWait)
		defer cancel()
		if e, err := c.remote.Stat(ctx, full, ftpconn.LaneMeta); err == nil && e.Size < size {
			c.mu.Lock()
			owner := c.drafts[full]
			c.mu.Unlock()
			if owner == d && d.turn.take(ctx) == nil {
				defer d.turn.give()
				if !d.Clean() {
					_ = c.remote.Remove(ctx, full)
				}
			}
		}
	})
}

// upload sends the whole content to a name. A transfer that breaks is begun
// again, or resumed where it broke if much of it had gone.
func (d *Draft) upload(ctx context.Context, name string, settled ftpconn.Settled) (ftpconn.Applied, error) {
	var from, most int64
	resumes := true
	for broken := 0; ; {
		sent, applied, err := d.uploadFrom(ctx, name, from, from > 0, settled)
		if err == nil || ctx.Err() != nil || outOfSpace(err) || from == 0 && ftpconn.Final(err) {
			return applied, err
		}
		if from > 0 && refused(err) {
			from, resumes = 0, false // this server does not append
			continue
		}
		if broken++; broken > uploadTries {
			return applied, err
		}
		e, look := d.c.remote.Stat(ctx, name, ftpconn.LaneMeta)
		switch {
		case resumes && look == nil && e.Size > most+resumeGain && e.Size <= sent:
			from, most, broken = e.Size, e.Size, 0
		default:
			from = 0
		}
	}
}

const (
	// uploadTries is how often an upload that broke is tried again, at once.
	uploadTries = 2

	// resumeGain is how much must have arrived for an upload to be resumed.
	resumeGain = 1 << 20
)

// refused says that the server said no, and the connection is in order.
func refused(err error) bool {
	var e *ftpconn.Error
	return errors.As(err, &e) && !outOfSpace(err) && !errors.Is(err, ftpconn.ErrUnreachable) && !errors.Is(err, ftpconn.ErrShort)
}

func outOfSpace(err error) bool {
	return errors.Is(err, ftpconn.ErrNoSpace) || errors.Is(err, ftpconn.ErrQuota)
}

func (d *Draft) uploadFrom(ctx context.Context, name string, from int64, appending bool, settled ftpconn.Settled) (sent int64, applied ftpconn.Applied, err error) {
	d.mu.Lock()
	file := d.file
	d.mu.Unlock()
	up, err := d.c.remote.Store(ctx, name, ftpconn.StoreOptions{Append: appending, Size: settled.Size - from, Lane: ftpconn.LaneRead})
	if err != nil {
		return from, applied, err
	}
	defer context.AfterFunc(ctx, up.Abort)()
	sent, err = d.c.sendParts(up, file, from, settled.Size)
	if err != nil {
		up.Abort()
		return sent, applied, err
	}
	applied, err = up.Commit(ctx, settled)
	return sent, applied, err
}

// sendParts sends a part of a staging file, and returns up to where.
func (c *Cache) sendParts(up ftpconn.Upload, file *os.File, from, to int64) (sent int64, err error) {
	for sent = from; sent < to; {
		n, err := c.sendPart(up, file, sent, to-sent)
		sent += int64(n)
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// sendPart sends up to n bytes, of which it counts those that went.
func (c *Cache) sendPart(up ftpconn.Upload, file *os.File, off, n int64) (int, error) {
	sent, err := up.SendFile(file, off, int(min(n, sendStep)))
	c.traffic.sent.Add(int64(sent))
	return sent, err
}

// tail says whether all that changed is what stands behind the old end, so that
// it can be appended.
func (d *Draft) tail(base *ftpconn.Entry) (from int64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if base == nil || base.Size <= 0 || d.clean != base.Size || d.size <= base.Size || d.sender != nil {
		return 0, false
	}
	return base.Size, d.local.covers(span{base.Size, d.size})
}

// sendTail appends what stands behind the old end. If the transfer breaks, the
// size tells how much has arrived.
func (d *Draft) sendTail(ctx context.Context, full string, from int64, base *ftpconn.Entry, shared bool) (ftpconn.Applied, error) {
	settled := d.settled(nil)
	settled.HasMode = false
	size := settled.Size
	if shared {
		settled.Size = -1 // others may append too
	}
	begin := from // where what was appended may stand
	least := size // of the file, afterwards: others can only have made it larger
	for broken := 0; ; {
		d.mu.Lock()
		torn := d.torn
		d.mu.Unlock()
		if torn {
			e, err := d.c.remote.Stat(ctx, full, ftpconn.LaneMeta)
			if err != nil {
				return ftpconn.Applied{}, err
			}
			part, whole := false, false
			if e.Size > from && e.Size <= size {
				part, err = d.isPart(ctx, full, e, from)
			}
			if e.Size < from {
				begin = 0 // others have begun it anew
			}
			if err == nil && shared && !part && e.Size != from {
				whole, err = d.holdsTail(ctx, full, e, begin, from)
			}
			switch {
			case err != nil:
				return ftpconn.Applied{}, err
			case part && e.Size == size, whole:
				return ftpconn.Applied{Entry: e}, nil
			case part:
				broken = 0
				from = e.Size
				d.arrived(e)
			case !shared && (e.Size != from || !sameVersion(*base, e)):
				return ftpconn.Applied{}, fmt.Errorf("%s: %w: it has %d bytes after an append that broke", ftpconn.Printable(full), ErrConflict, e.Size)
			default:
				least = e.Size + size - from
			}
			base = &e
		}
		applied, err := d.appendFrom(ctx, full, from, settled, size)
		if err == nil && applied.Entry.Size >= 0 && applied.Entry.Size < least {
			begin = 0
			err = fmt.Errorf("%s: %w: %d bytes of %d", ftpconn.Printable(full), ftpconn.ErrShort, applied.Entry.Size, size)
		}
		if err == nil || ftpconn.Final(err) || refused(err) {
			return applied, err
		}
		d.mu.Lock()
		d.torn = true
		d.mu.Unlock()
		if broken++; broken > uploadTries || ctx.Err() != nil || outOfSpace(err) {
			return applied, err
		}
	}
}

// arrived notes that a part of what was appended is on the server.
func (d *Draft) arrived(e ftpconn.Entry) {
	d.c.mu.Lock()
	d.base, d.since = &e, d.c.cfg.Now()
	d.c.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.torn = false
	d.originEnd, d.clean = e.Size, e.Size
	d.local = d.local.cut(span{0, e.Size})
}

func (d *Draft) appendFrom(ctx context.Context, full string, from int64, settled ftpconn.Settled, size int64) (ftpconn.Applied, error) {
	d.mu.Lock()
	file := d.file
	d.mu.Unlock()
	up, err := d.c.remote.Store(ctx, full, ftpconn.StoreOptions{Append: true, Size: size - from, Lane: ftpconn.LaneRead})
	if err != nil {
		return ftpconn.Applied{}, err
	}
	defer context.AfterFunc(ctx, up.Abort)()
	if _, err := d.c.sendParts(up, file, from, size); err != nil {
		up.Abort()
		return ftpconn.Applied{}, err
	}
	return up.Commit(ctx, settled)
}

// delivered notes that the server has the content.
func (d *Draft) delivered(full string, applied ftpconn.Applied) {
	c := d.c
	e := applied.Entry
	e.Name = path.Base(full)
	d.mu.Lock()
	timeLost := !applied.Time && d.timeSet
	mtime := d.mtime
	switch {
	case d.modeSet && applied.Mode:
		e.HasMode, e.Mode = true, d.mode
	case d.modeSet && d.mode&0o7 == 0:
		c.cfg.Logger.Warn("the server does not set the mode of a file that others should not see", "path", ftpconn.Printable(full))
	case !e.HasMode && d.base != nil:
		e.HasMode, e.Mode = d.base.HasMode, d.base.Mode
	}
	d.dirty, d.timeSet, d.modeSet, d.failed = false, false, false, nil
	d.appended, d.torn, d.half, d.guessed, d.halfUpto = true, false, false, false, 0
	recorded := d.recorded
	d.recorded = false
	item := d.item
	if e.Size != d.size && e.Size >= 0 {
		// Others appended too: what is here is not the end of it.
		d.local, d.originEnd, d.size = nil, e.Size, e.Size
	}
	d.clean = d.size
	whole := d.local.covers(span{0, d.size})
	if whole {
		d.originEnd = 0
	} else {
		d.originEnd = d.size
	}
	origin := d.origin
	d.origin = nil
	d.mu.Unlock()
	if origin != nil {
		_ = origin.Close()
	}
	d.dropPrior()
	if recorded && item != nil {
		if err := item.Clear(); err != nil {
			c.cfg.Logger.Warn("journal", "error", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	d.base, d.since, d.tries = &e, c.cfg.Now(), 0
	c.bumpLocked(full)
	if timeLost {
		c.keepTimeLocked(full, mtime)
	} else {
		delete(c.times, full)
	}
	c.noteLocked(full, &e)
	c.counters.FilesSent++
	if whole && e.Size <= seedLimit {
		d.seed(c.keyLocked(full, e))
	}
}

// bumpLocked makes the content of a path another one, whatever its version.
func (c *Cache) bumpLocked(full string) {
	if len(c.epochs) > 100_000 {
		c.epochs = make(map[string]int64)
		c.epoch += 1 << 32
	}
	c.epochs[full]++
	c.edits.Add(1)
}

// seed puts content that was sent where content that was read is.
func (d *Draft) seed(key contentKey) {
	d.mu.Lock()
	file, size := d.file, d.size
	d.mu.Unlock()
	if file == nil {
		return
	}
	for i := int64(0); i*blockSize < size; i++ {
		block := make([]byte, min(blockSize, size-i*blockSize))
		if _, err := file.ReadAt(block, i*blockSize); err != nil && !errors.Is(err, io.EOF) {
			return
		}
		d.c.blocks.put(blockKey{key, i}, block)
	}
}

// lookAhead finds out whether the server still has what a change is based on,
// while the content is on its way. The function that it returns waits for the
// answer: nil, ErrConflict, or that it could not be found out.
func (d *Draft) lookAhead(ctx context.Context, full string, base *ftpconn.Entry) func() error {
	c := d.c
	c.mu.Lock()
	since := d.since
	c.mu.Unlock()
	if c.cfg.OnConflict == ConflictOverwrite || base == nil && c.cfg.Now().Sub(since) <= sureFor {
		return func() error { return nil }
	}
	answer := make(chan error, 1)
	if !c.background(func() { answer <- d.unchanged(ctx, full, base) }) {
		answer <- ftpconn.ErrClosed
	}
	var err error
	asked := false
	return func() error {
		if !asked {
			err, asked = <-answer, true
		}
		return err
	}
}

// unchanged says whether the server has what is expected under a path.
func (d *Draft) unchanged(ctx context.Context, full string, base *ftpconn.Entry) error {
	var e ftpconn.Entry
	var err error
	found := true
	if base == nil {
		e, found, err = d.c.remote.Exists(ctx, full, ftpconn.LaneMeta)
	} else {
		e, err = d.c.remote.Stat(ctx, full, ftpconn.LaneMeta)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !found:
		return nil // nothing can be lost
	case err != nil:
		return err
	case base != nil && sameVersion(*base, e):
		return nil
	}
	d.mu.Lock()
	half := d.half && e.Type == listing.File && e.Size <= d.halfUpto
	compare := half && (d.guessed || !d.altered) && e.Size <= holdLimit
	again := d.failed != nil && e.Size == d.size && e.Size <= holdLimit
	d.mu.Unlock()
	if half && !compare || (again || compare) && d.isThere(ctx, full, e) {
		return nil
	}
	return fmt.Errorf("%s: %w", ftpconn.Printable(full), ErrConflict)
}

// isThere compares what the server has with what was to be sent: an earlier
// try may have succeeded without a word, or have sent the begin of it.
func (d *Draft) isThere(ctx context.Context, full string, e ftpconn.Entry) bool {
	same, err := d.isPart(ctx, full, e, 0)
	return err == nil && same
}

// isPart says whether all that the server has, from an offset on, is what stands
// there here.
func (d *Draft) isPart(ctx context.Context, full string, e ftpconn.Entry, from int64) (bool, error) {
	d.mu.Lock()
	file, whole := d.file, d.local.covers(span{from, e.Size})
	d.mu.Unlock()
	if file == nil || !whole {
		return false, nil
	}
	f, err := d.c.Open(ctx, full, e)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	ours := make([]byte, blockSize)
	for off := from; off < e.Size; {
		pieces, err := f.Read(ctx, off, blockSize)
		if err != nil {
			return false, err
		}
		if len(pieces) == 0 {
			return false, nil
		}
		for _, theirs := range pieces {
			n, err := file.ReadAt(ours[:len(theirs)], off)
			if err != nil && !errors.Is(err, io.EOF) {
				return false, err
			}
			if !bytes.Equal(ours[:n], theirs) {
				return false, nil
			}
			off += int64(n)
		}
	}
	return true, nil
}

// holdsTail says whether a file that others append to as well, or have begun
// anew, has what was appended anywhere behind begin.
func (d *Draft) holdsTail(ctx context.Context, full string, e ftpconn.Entry, begin, from int64) (bool, error) {
	d.mu.Lock()
	file, size := d.file, d.size
	d.mu.Unlock()
	if e.Size-begin < size-from || e.Size-begin > holdLimit {
		return false, nil
	}
	ours := make([]byte, size-from)
	if _, err := file.ReadAt(ours, from); err != nil {
		return false, err
	}
	f, err := d.c.Open(ctx, full, e)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	var theirs []byte
	for off := begin; off < e.Size; off = begin + int64(len(theirs)) {
		pieces, err := f.Read(ctx, off, blockSize)
		if err != nil {
			return false, err
		}
		if len(pieces) == 0 {
			break
		}
		for _, p := range pieces {
			theirs = append(theirs, p...)
		}
	}
	return bytes.Contains(theirs, ours), nil
}
