package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"ftpfs/ftpconn"

	"golang.org/x/sys/unix"
)

const (
	// streamFrom is the size from which a file that is written in order is
	// sent while it is written.
	streamFrom = 1 << 20

	// streamWindow is how far a writer may be ahead of what was sent.
	streamWindow = 32 << 20

	// wholeLimit is up to which size all that is sent is kept here until the
	// end, so that a broken transfer can begin again and what was written can
	// be read. Beyond it, or when the disk gets full, only what is not sent is.
	wholeLimit = 1 << 30

	// leastFree is the free space on the staging disk below which the same is
	// done for smaller files.
	leastFree = 512 << 20

	// crowdedFor is how long a stream without anything to send keeps its
	// connection while none is left for others.
	crowdedFor = 500 * time.Millisecond

	// giveUpStep is how much of it is given up at once, and how much of what was
	// sent last is kept in any case.
	giveUpStep = 16 << 20

	// sendStep is how much is sent until a writer who waits hears of it.
	sendStep = 256 << 10
)

// limits are the sizes that decide what becomes of a stream; tests have smaller
// ones.
type limits struct{ streamFrom, whole, step int64 }

// sender is a file on its way to the server while it is being written. Its
// fields are guarded by Draft.mu.
type sender struct {
	d     *Draft
	name  string // where it goes
	sent  int64
	spent int64 // bytes from the begin that are not here any more
	total int64 // when all has been written; -1 before
	err   error

	upload ftpconn.Upload // of the goroutine, until done is closed
	wake   chan struct{}  // has room for one: there is more to send
	moved  chan struct{}  // has room for one: something was sent
	stop   context.CancelFunc
	done   chan struct{}
}

// streamOn begins to send a file that is written in order, or sends on. The
// caller has the turn.
func (d *Draft) streamOn() {
	c := d.c
	c.mu.Lock()
	gone, full := d.gone, d.path
	c.mu.Unlock()
	d.mu.Lock()
	s := d.sender
	begin := s == nil && !d.restless && !gone && !c.cfg.InPlace && d.size >= c.limits.streamFrom && d.originEnd == 0 && d.local.covers(span{0, d.size})
	d.mu.Unlock()
	if s != nil {
		s.poke()
		return
	}
	if !begin || c.remote.Room() < 2 || c.refusesTemp(full) {
		return
	}
	ctx, stop := context.WithCancel(c.ctx)
	s = &sender{d: d, name: c.tempName(full), total: -1, wake: make(chan struct{}, 1), moved: make(chan struct{}, 1), stop: stop, done: make(chan struct{})}
	d.mu.Lock()
	d.sender = s
	d.mu.Unlock()
	if !c.background(func() { s.run(ctx) }) {
		stop()
		s.err = ftpconn.ErrClosed
		close(s.done)
	}
	s.poke()
}

func (s *sender) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// yieldToSender lets the sender catch up with the writer, who has the turn.
func (d *Draft) yieldToSender(ctx context.Context) error {
	for {
		d.mu.Lock()
		s := d.sender
		ahead := s != nil && s.err == nil && d.size-s.sent > streamWindow
		var failed error
		if s != nil {
			failed = s.err
		}
		d.mu.Unlock()
		if !ahead {
			return useless(failed)
		}
		select {
		case <-s.moved:
		case <-s.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// useless is the error of a stream if it means that there is no use in writing
// more. A refusal of the temporary name may be about that only: the end will
// tell.
func useless(err error) error {
	if err != nil && (outOfSpace(err) || ftpconn.Final(err) && !tempRefusal(err)) {
		return err
	}
	return nil
}

// run is the sender's goroutine.
func (s *sender) run(ctx context.Context) {
	err := s.send(ctx)
	d := s.d
	d.mu.Lock()
	defer d.mu.Unlock()
	s.err = err
	if err != nil && s.upload != nil {
		s.upload.Abort()
		s.upload = nil
	}
	close(s.done)
}

func (s *sender) send(ctx context.Context) error {
	d := s.d
	up, err := d.c.remote.Store(ctx, s.name, ftpconn.StoreOptions{Size: -1, Lane: ftpconn.LaneRead})
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, up.Abort)()
	d.mu.Lock()
	s.upload = up
	file := d.file
	d.mu.Unlock()
	for {
		n, over, err := s.next(ctx)
		if err != nil || over {
			return err
		}
		part, err := d.c.sendPart(up, file, s.sent, n)
		if err != nil {
			return err
		}
		d.mu.Lock()
		s.sent += int64(part)
		d.mu.Unlock()
		s.giveUp(file)
		select {
		case s.moved <- struct{}{}:
		default:
		}
	}
}

// errCrowded ends a stream whose connection somebody else needs.
var errCrowded = errors.New("no connection left for others")

// next waits for something to send.
func (s *sender) next(ctx context.Context) (n int64, over bool, err error) {
	d := s.d
	look := time.NewTicker(crowdedFor)
	defer look.Stop()
	for {
		d.mu.Lock()
		// What is before the end does not change under a sender, see rewind.
		n, over = d.size-s.sent, s.total >= 0 && s.sent >= s.total
		spent := s.spent
		d.mu.Unlock()
		if over || n > 0 {
			return n, over, nil
		}
		select {
		case <-s.wake:
		case <-look.C:
			if spent == 0 && d.c.remote.Room() == 0 {
				return 0, false, errCrowded
			}
		case <-ctx.Done():
			return 0, false, ctx.Err()
		}
	}
}

// giveUp frees the space of what was sent, where it should not be kept.
func (s *sender) giveUp(file *os.File) {
	d := s.d
	step := d.c.limits.step
	d.mu.Lock()
	sent, spent := s.sent, s.spent
	d.mu.Unlock()
	// What was sent last may not have arrived: it is kept for resume.
	if sent-spent < 2*step || sent < d.c.limits.whole && !diskShort(file) {
		return
	}
	upto := (sent - step) / step * step
	d.room.Lock()
	defer d.room.Unlock()
	d.mu.Lock()
	may := d.sender == s && !d.recorded // else somebody counts on what is here
	if may {
		s.spent = upto
		d.local = d.local.cut(span{0, upto})
	}
	d.mu.Unlock()
	if !may || unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, spent, upto-spent) == nil {
		return
	}
	// This file system can not; the space is used then.
	d.mu.Lock()
	defer d.mu.Unlock()
	s.spent = spent
	d.local = d.local.add(span{spent, upto})
}

func diskShort(file *os.File) bool {
	var st unix.Statfs_t
	if unix.Fstatfs(int(file.Fd()), &st) != nil {
		return false
	}
	return int64(st.Bavail)*st.Bsize < leastFree
}

// stopSender ends a stream for good. The caller has the turn.
func (d *Draft) stopSender() {
	d.mu.Lock()
	s := d.sender
	d.sender, d.restless = nil, d.restless || s != nil
	d.mu.Unlock()
	if s != nil {
		s.end()
		d.c.dropTemp(s.name)
	}
}

// takeSender takes away a stream of which all is here; it is not given up from
// then on. whole is false if there is one of which the begin is not.
func (d *Draft) takeSender() (s *sender, whole bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s = d.sender
	if s == nil {
		return nil, true
	}
	if s.spent > 0 {
		return nil, false
	}
	d.sender, d.restless = nil, true
	return s, true
}

// end stops the goroutine and gives up the upload.
func (s *sender) end() {
	s.stop()
	<-s.done
	if s.upload != nil {
		s.upload.Abort()
	}
}

// settleStream ends a stream before the file, or a directory that it is in, gets
// another name. What can not be sent again becomes the file. The caller has the
// turn.
func (d *Draft) settleStream(ctx context.Context) error {
	s, whole := d.takeSender()
	if !whole {
		return d.send(ctx)
	}
	if s == nil {
		return nil
	}
	s.end()
	// At once: it could not be found under this name later.
	if err := d.c.remote.Remove(ctx, s.name); err == nil || errors.Is(err, fs.ErrNotExist) {
		d.c.note(s.name, nil)
		d.c.forgetTemp(s.name)
	} else {
		d.c.dropTemp(s.name)
	}
	return nil
}

// finishSender waits until all that was written has been sent, and returns the
// upload to be committed; nil if there is no stream, or it broke.
func (d *Draft) finishSender(ctx context.Context) (*sender, error) {
	d.mu.Lock()
	s := d.sender
	if s != nil {
		s.total = d.size
	}
	d.mu.Unlock()
	if s == nil {
		return nil, nil
	}
	s.poke()
	select {
	case <-s.done:
	case <-ctx.Done():
		d.mu.Lock()
		s.total = -1
		d.mu.Unlock()
		return nil, ctx.Err()
	}
	if s.err == nil {
		return s, nil
	}
	err := s.err
	if s.spent > 0 {
		d.mu.Lock()
		d.sender = nil
		d.mu.Unlock()
		return s, errSpent
	}
	d.stopSender()
	if ftpconn.Final(err) && !tempRefusal(err) {
		return nil, err
	}
	return nil, nil // it is all here: try again
}
