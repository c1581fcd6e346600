package ftpconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"ftpfs/ftpconn/listing"
)

// StoreOptions says how content is sent.
type StoreOptions struct {
	Append bool  // behind what is there (APPE)
	Size   int64 // bytes that will come; -1: not known
	Lane   Lane
}

// Settled is what Commit does to a file beside ending its content.
type Settled struct {
	Size    int64     // what the file's size must be then; -1: not to be checked
	Time    time.Time // modification time to set; zero: none
	Mode    uint32    // permission bits to set, if HasMode
	HasMode bool
}

// Applied is what the server says of a file after Commit, and whether the time
// and the mode were set.
type Applied struct {
	Entry      Entry
	Time, Mode bool
}

// Upload is content on its way to the server. Write, SendFile and Commit are for
// one goroutine; Abort may be called from any. One of Commit and Abort must be
// called.
//
// Up to 64 KiB are kept until Commit, so that command, content and what Commit
// asks for go out together, and can be sent again if a connection breaks. A
// refusal may be seen only then.
type Upload interface {
	// Write sends content. An error is the server's refusal, if there was one.
	io.Writer

	// SendFile is Write for n bytes of a file at an offset, which do not pass
	// through this process where the kernel can send them by itself. Nothing must
	// be written over them until Commit has returned, or Abort was called.
	SendFile(f *os.File, off int64, n int) (int, error)

	// Commit ends the content and waits for the server's last word on it. It
	// is nil only if that is positive and the size is right, where it can be
	// asked for. A time or mode that can not be set is no error.
	//
	// If that last word is lost, another connection looks at the file: the
	// right size is success, and anything else ErrShort.
	Commit(ctx context.Context, s Settled) (Applied, error)

	// Abort gives up. What has arrived may stay on the server.
	Abort()
}

// smallUpload is how much content is kept until Commit.
const smallUpload = 64 << 10

// upload is an Upload of a Pool.
type upload struct {
	p      *Pool
	name   string
	verb   string
	lane   Lane
	ctx    context.Context // ends with Abort, and with the pool
	end    context.CancelFunc
	held   []byte // all of the content so far, while it is little
	total  int64  // bytes that were given to Write and SendFile
	buffer []byte // of SendFile

	mu   sync.Mutex // guards what follows
	over error      // what Write and Commit answer from now on
	busy bool       // one of them runs, and sees to the connection
	t    *transfer  // under way; nil while the content is held
	stop func() bool
}

var _ Upload = (*upload)(nil)

// Store begins to send content to a name. ctx covers the opening only.
func (p *Pool) Store(ctx context.Context, name string, o StoreOptions) (Upload, error) {
	// Here, and not at Commit, where it would be too late for another name.
	if wire, err := p.cfg.encodeName(name); err != nil {
		return nil, err
	} else if strings.ContainsAny(wire, "\r\n\x00") {
		return nil, fmt.Errorf("STOR %s: %w", Printable(name), ErrName)
	}
	u := &upload{p: p, name: name, verb: "STOR", lane: o.Lane}
	if o.Append {
		u.verb = "APPE"
	}
	u.ctx, u.end = context.WithCancel(p.ctx)
	if o.Size > smallUpload {
		if err := u.open(ctx); err != nil {
			u.end()
			return nil, err
		}
	}
	return u, nil
}

// open starts the transfer, with the reply that allows it.
func (u *upload) open(ctx context.Context) error {
	p := u.p
	for try := 0; ; try++ {
		c, err := p.get(ctx, u.lane)
		if err != nil {
			return err
		}
		t, err := c.store(ctx, u.verb, u.name)
		if err != nil {
			// The content is still here, so that it does no harm if the server
			// has executed the command already.
			again := ctx.Err() == nil && p.worthRetry(c, err, try)
			p.put(c)
			if again {
				continue
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
		u.mu.Lock()
		u.t = t
		u.stop = context.AfterFunc(u.ctx, func() { t.data.reset() })
		u.mu.Unlock()
		p.mu.Lock()
		p.sending++
		p.mu.Unlock()
		time.AfterFunc(spareDelay, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.spareLocked()
		})
		return nil
	}
}

// enter begins a Write or Commit.
func (u *upload) enter() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over == nil {
		u.busy = true
	}
	return u.over
}

// leave ends it, and with err the upload. It returns what the caller is told.
func (u *upload) leave(err error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.busy = false
	if u.over == nil {
		u.over = err
	} else if err != nil {
		err = u.over // it was aborted
	}
	if u.over != nil {
		u.giveUpLocked()
	}
	return err
}

// Abort implements Upload.
func (u *upload) Abort() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over != nil {
		return
	}
	u.over = ErrClosed
	u.end()
	if !u.busy {
		u.giveUpLocked()
	}
}

// giveUpLocked ends the transfer, if one is under way, and gives its connection
// back in the background.
func (u *upload) giveUpLocked() {
	t, p := u.t, u.p
	u.end()
	if t == nil {
		return
	}
	u.t = nil
	u.stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sending--
	if p.closed {
		_ = t.c.fail(ErrClosed)
		t.data.reset()
		p.dropLocked(t.c)
		return
	}
	p.recycling++
	p.work.Go(func() {
		t.data.reset()
		t.abandon()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.recycling--
		p.putLocked(t.c)
		p.serveLocked()
	})
}

// release gives the connection back after the transfer has had its end.
func (u *upload) release() {
	u.mu.Lock()
	t := u.t
	u.t = nil
	u.stop()
	u.mu.Unlock()
	_ = t.data.Close()
	u.p.mu.Lock()
	defer u.p.mu.Unlock()
	u.p.sending--
	u.p.putLocked(t.c)
}

// Write implements io.Writer.
func (u *upload) Write(b []byte) (int, error) {
	if err := u.enter(); err != nil {
		return 0, err
	}
	n, err := u.write(b)
	return n, u.leave(err)
}

func (u *upload) write(b []byte) (int, error) {
	if u.t == nil {
		if len(u.held)+len(b) <= smallUpload {
			u.held = append(u.held, b...)
			u.total += int64(len(b))
			return len(b), nil
		}
		if err := u.flow(); err != nil {
			return 0, err
		}
	}
	n, err := u.t.Write(b)
	u.total += int64(n)
	if err != nil {
		return n, u.broke(err)
	}
	return n, nil
}

// flow begins the transfer, unless it has begun, with what was held until now.
func (u *upload) flow() error {
	if u.t != nil {
		return nil
	}
	if err := u.open(u.ctx); err != nil {
		return err
	}
	if _, err := u.t.Write(u.held); err != nil {
		return u.broke(err)
	}
	u.held = nil
	return nil
}

// broke handles a data connection that takes nothing any more. A server that
// gives up, for the disk is full, closes it and says why on the control
// connection.
func (u *upload) broke(err error) error {
	t := u.t
	c := t.c
	what := fmt.Errorf("%s %s: %w: %w", u.verb, Printable(u.name), ErrShort, err)
	if u.ctx.Err() != nil {
		return what // given up: leave sees to the rest
	}
	if errors.Is(err, ErrTimeout) {
		_ = c.fail(err)
		u.release()
		return fmt.Errorf("%s %s: %w", u.verb, Printable(u.name), err)
	}
	_ = t.data.Close()
	c.setTimeout(min(abortWait, c.cfg.Timeout))
	r, lost := c.receive(u.verb)
	if lost == nil && r.class() >= 4 {
		e := newError(u.verb, t.cmd.arg, r)
		if e.Kind == nil {
			e.Kind = e.reason()
		}
		what = e
	}
	if c.broken == nil && !c.srv.facts().software.cleanAbort() {
		c.resynchronise()
	}
	c.setTimeout(c.cfg.Timeout)
	u.release()
	return what
}

// Commit implements Upload.
func (u *upload) Commit(ctx context.Context, s Settled) (Applied, error) {
	if err := u.enter(); err != nil {
		return Applied{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(u.ctx, cancel)()
	var a Applied
	var err error
	if u.t == nil {
		a, err = u.commitHeld(ctx, s)
	} else {
		a, err = u.commitSent(ctx, s)
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	over := err
	if over == nil {
		over = ErrClosed
	}
	if told := u.leave(over); err != nil {
		return a, told
	}
	return a, nil
}

// commitSent ends a transfer that is under way.
func (u *upload) commitSent(ctx context.Context, s Settled) (Applied, error) {
	t := u.t
	a, err := t.commit(ctx, u.name, s)
	lost := t.c.broken != nil
	u.release()
	if err == nil || !lost || ctx.Err() != nil {
		return a, err
	}
	if s.Size < 0 && u.verb == "STOR" {
		s.Size = u.total
	}
	a, _, looked := u.look(ctx, s)
	if looked != nil {
		return a, fmt.Errorf("%s %s: %w: %w", u.verb, Printable(u.name), ErrShort, err)
	}
	return a, nil
}

// commitHeld sends content that was kept until now.
func (u *upload) commitHeld(ctx context.Context, s Settled) (Applied, error) {
	for try := 0; ; try++ {
		c, err := u.p.get(ctx, u.lane)
		if err != nil {
			return Applied{}, err
		}
		a, begun, err := c.storeWhole(ctx, u.verb, u.name, u.held, s)
		again := err != nil && ctx.Err() == nil && u.p.worthRetry(c, err, try)
		lost := c.broken != nil
		u.p.put(c)
		if err == nil || ctx.Err() != nil {
			return a, err
		}
		// To send a whole file again is right whatever the server has done;
		// what is behind something else must not come twice.
		whole := u.verb == "STOR"
		if !lost && (whole || !begun) || lost && whole && !begun {
			if again {
				continue
			}
			return a, err
		}
		if !lost {
			return a, err
		}
		want := s
		if want.Size < 0 && whole {
			want.Size = u.total
		}
		a, is, looked := u.look(ctx, want)
		switch {
		case looked == nil:
			return a, nil
		case again && whole, again && want.Size >= 0 && is == want.Size-u.total:
			continue
		}
		return a, fmt.Errorf("%s %s: %w: %w", u.verb, Printable(u.name), ErrShort, err)
	}
}

// look asks over another connection what became of a file whose last reply was
// lost. is is its size now, -1 if that can not be found out; the error is nil if
// that is right.
func (u *upload) look(ctx context.Context, s Settled) (a Applied, is int64, err error) {
	quick, cancel := context.WithTimeout(ctx, u.p.cfg.Timeout)
	defer cancel()
	e, err := u.p.Stat(quick, u.name, u.lane)
	switch {
	case err != nil:
		return a, -1, err
	case s.Size < 0 || e.Type != listing.File || e.SizeRough || e.Size != s.Size:
		return a, e.Size, ErrShort
	}
	a.Entry = e
	if !s.Time.IsZero() {
		a.Time = sameTime(e, s.Time) || u.p.SetTime(quick, u.name, s.Time) == nil
		if a.Time {
			a.Entry.ModTime, a.Entry.ModPrec = s.Time.UTC().Truncate(time.Second), listing.Second
		}
	}
	if s.HasMode {
		a.Mode = u.p.SetMode(quick, u.name, s.Mode) == nil
	}
	return a, e.Size, nil
}

// unasked is the entry of a file of which the server tells nothing.
func unasked(name string, s Settled) Entry {
	return Entry{Name: path.Base(name), Type: listing.File, Size: s.Size}
}
