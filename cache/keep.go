package cache

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"ftpfs/cache/journal"
	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"
)

// What could not be sent, and what need not be sent at once, waits in the
// journal, and is sent in the background.

const (
	firstRetry = time.Second
	lastRetry  = 2 * time.Minute
)

// record writes a Draft into the journal; why is what keeps it from the server.
// The caller has the turn, or nobody else uses the Draft.
func (d *Draft) record(why error) error { return d.recordAs(why, false) }

// recordAgain brings the record up to date, if there is one. The caller has the
// turn.
func (d *Draft) recordAgain() error {
	if d.isRecorded() && !d.isGone() {
		return d.record(nil)
	}
	return nil
}

func (d *Draft) isGone() bool {
	d.c.mu.Lock()
	defer d.c.mu.Unlock()
	return d.gone
}

func (d *Draft) recordAs(why error, inPlace bool) error {
	file, err := d.stage()
	if err != nil {
		return err
	}
	if err := file.Truncate(d.Size()); err != nil { // its end may be the server's still
		return err
	}
	c := d.c
	c.mu.Lock()
	r := journal.Record{Path: d.path, Saved: c.cfg.Now(), Tries: d.tries, InPlace: inPlace}
	if d.base != nil {
		r.Base = &journal.Version{Size: d.base.Size, ModTime: d.base.ModTime, ModPrec: int(d.base.ModPrec), Unique: d.base.Unique}
	}
	c.mu.Unlock()
	if why != nil {
		r.Error = why.Error()
	}
	d.mu.Lock()
	r.Size, r.Time, r.Mode, r.HasMode = d.size, d.mtime, uint32(d.mode), d.modeSet
	r.OriginEnd, r.Append, r.Torn = d.originEnd, d.appended, d.torn
	r.InPlace = r.InPlace || d.half || d.base == nil && d.size <= directLimit
	for _, s := range d.local {
		r.Local = append(r.Local, [2]int64{s.from, s.to})
	}
	item := d.item
	d.recorded = true
	d.mu.Unlock()
	return item.Save(r)
}

// lose gives up a Draft that the server has refused for good, unless it has more
// users than that: its content goes to lost+found. The caller has the turn.
func (d *Draft) lose(why error, users int) {
	c := d.c
	c.mu.Lock()
	if d.users > users || d.gone {
		c.mu.Unlock()
		return
	}
	c.displaceLocked(d)
	d.gone = true
	c.noteLocked(d.path, d.base)
	c.forgetLocked(path.Dir(d.path))
	c.mu.Unlock()
	d.stopSender()
	if d.Size() == 0 { // nothing is lost
		d.mu.Lock()
		d.dirty, d.failed, d.ended = false, nil, why
		d.mu.Unlock()
		if users == 0 {
			d.discard()
		}
		return
	}
	if err := d.record(why); err != nil {
		c.cfg.Logger.Error("what was written can not be kept on this machine", "path", ftpconn.Printable(d.path), "error", err)
	}
	d.mu.Lock()
	item, prior := d.item, d.prior
	d.dirty, d.failed, d.recorded, d.ended = false, nil, false, why
	d.item, d.file, d.prior = nil, nil, nil
	d.mu.Unlock()
	for _, p := range prior {
		if err := p.Lose(why.Error()); err != nil {
			c.cfg.Logger.Error("lost+found", "path", ftpconn.Printable(d.path), "error", err)
		}
	}
	if err := item.Lose(why.Error()); err != nil {
		c.cfg.Logger.Error("lost+found", "path", ftpconn.Printable(d.path), "error", err)
	} else {
		c.cfg.Logger.Error("the server refuses a file for good: what was written is in lost+found, see: ftpfs pending", "path", ftpconn.Printable(d.path), "error", why)
	}
	if users == 0 {
		d.discard()
	}
}

// later sends a Draft in the background: at once, or after a pause.
func (c *Cache) later(d *Draft, pause bool) {
	c.mu.Lock()
	if d.kept || c.closed {
		c.mu.Unlock()
		return
	}
	d.kept = true
	c.mu.Unlock()
	c.background(func() { c.keepSending(d, pause) })
}

// keepSending sends a Draft until the server has it, or refuses it for good.
func (c *Cache) keepSending(d *Draft, pause bool) {
	wait := firstRetry
	for {
		if pause {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-c.hurry():
				timer.Stop()
			case <-c.ctx.Done():
				timer.Stop()
				return
			}
			wait = min(2*wait, lastRetry)
		}
		select {
		case c.sending <- struct{}{}:
		case <-c.ctx.Done():
			return
		}
		over := c.sendKept(d)
		<-c.sending
		if over {
			return
		}
		pause = true
	}
}

// sendKept is one try. over says that there is nothing more to do.
func (c *Cache) sendKept(d *Draft) (over bool) {
	if d.turn.take(c.ctx) != nil {
		return true
	}
	defer d.turn.give()
	d.mu.Lock()
	midst := d.midst
	d.mu.Unlock()
	if midst {
		c.mu.Lock()
		d.kept = false // until it is closed again
		c.mu.Unlock()
		return true
	}
	err := d.send(c.ctx)
	if err != nil && c.ctx.Err() != nil {
		return true // the journal has it
	}
	if errors.Is(err, errKeptBeside) {
		err = nil // it is on the server
	}
	c.mu.Lock()
	d.tries++
	beside := errors.Is(err, errKeptBeside) // the server has it, under another name
	d.kept = err != nil && !final(err) && !beside
	unused := d.users == 0
	if err == nil && unused {
		c.displaceLocked(d)
		d.gone = true
	}
	c.mu.Unlock()
	switch {
	case err == nil || beside:
		if unused {
			d.discard()
		}
		return true
	case final(err):
		d.lose(err, 0)
		return true
	}
	c.cfg.Logger.Warn("a file can not be sent now, and is tried again", "path", ftpconn.Printable(d.path), "error", err)
	if err := d.recordAs(err, false); err != nil {
		c.cfg.Logger.Error("journal", "path", ftpconn.Printable(d.path), "error", err)
	}
	return false
}

// hurry is a channel that is closed when those who pause should try again.
func (c *Cache) hurry() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.urge
}

// Hurry ends the pauses of those who wait to send something.
func (c *Cache) Hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.urge)
	c.urge = make(chan struct{})
}

// Pending are the paths of files that are not on the server yet.
func (c *Cache) Pending() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var paths []string
	for full, d := range c.drafts {
		if !d.Clean() {
			paths = append(paths, full)
		}
	}
	slices.Sort(paths)
	return paths
}

// Flush waits until everything is on the server, or ctx ends.
func (c *Cache) Flush(ctx context.Context) error {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for len(c.Pending()) > 0 {
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-c.ctx.Done():
			return ftpconn.ErrClosed
		}
	}
	return nil
}

// Recover takes over what earlier mounts of the same server could not send, and
// removes what they left there under temporary names. It returns how many files
// there are.
func (c *Cache) Recover() (int, error) {
	if c.cfg.ReadOnly {
		return 0, nil
	}
	items, err := c.journal.Recover()
	c.dropOldTemps()
	var adopted []*Draft
	for _, item := range slices.Backward(items) { // of two versions the newer one is sent
		r, ok := item.Record()
		if !ok {
			continue
		}
		if d := c.adopt(item, r); d != nil {
			adopted = append(adopted, d)
		}
	}
	for _, d := range slices.Backward(adopted) {
		c.later(d, false)
	}
	return len(items), err
}

// adopt makes a Draft of what the journal has; nil if the path has one.
func (c *Cache) adopt(item *journal.Item, r journal.Record) *Draft {
	d := &Draft{c: c, turn: newTurn(), item: item, file: item.File(), tries: r.Tries,
		size: r.Size, mtime: r.Time, timeSet: true, mode: uint16(r.Mode), modeSet: r.HasMode, originEnd: r.OriginEnd,
		dirty: true, appended: r.Append, torn: true, half: r.InPlace, halfUpto: r.Size, guessed: true, recorded: true, restless: true, failed: errors.New("left by an earlier mount")}
	if !r.HasMode {
		d.mode = usualFile
	}
	for _, s := range r.Local {
		d.local = d.local.add(span{s[0], s[1]})
	}
	// The file may have been written to after the record was.
	end := r.OriginEnd
	if n := len(d.local); n > 0 {
		end = max(end, d.local[n-1].to)
	}
	d.local = d.local.add(span{end, r.Size})
	if r.Base != nil && len(d.local) == 1 && d.local[0].from == r.Base.Size && r.OriginEnd == r.Base.Size {
		d.clean = r.Base.Size
	}
	if r.Base != nil {
		d.base = &ftpconn.Entry{Name: path.Base(r.Path), Type: listing.File, Size: r.Base.Size, ModTime: r.Base.ModTime, ModPrec: listing.Precision(r.Base.ModPrec), Unique: r.Base.Unique}
	}
	full := r.Path
	if !strings.HasPrefix(full, "/") {
		full = "/" + full
	}
	c.mu.Lock()
	taken := c.drafts[full] != nil
	if !taken {
		c.placeLocked(d, full)
	}
	c.mu.Unlock()
	if taken {
		if err := item.Lose("a newer version of it was left by an earlier mount, too"); err != nil {
			c.cfg.Logger.Error("lost+found", "path", ftpconn.Printable(full), "error", err)
		}
		return nil
	}
	c.cfg.Logger.Warn("a file that an earlier mount could not send is sent now", "path", ftpconn.Printable(full), "size", r.Size)
	return d
}

// Leave ends the use of all Drafts by handles: the mount has ended, and nobody
// can write any more.
func (c *Cache) Leave() {
	c.mu.Lock()
	var left []*Draft
	for _, d := range c.drafts {
		if d.users > 0 {
			d.users = 1
			left = append(left, d)
		}
	}
	c.mu.Unlock()
	for _, d := range left {
		d.Close()
	}
}

// Sending says whether content has moved to the server since the last call.
func (c *Cache) Sending() bool {
	sent := c.traffic.sent.Load()
	return c.traffic.seen.Swap(sent) != sent
}
