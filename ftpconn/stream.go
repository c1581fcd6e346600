package ftpconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// RetrOptions says what to read of a file, and how urgently. Bytes.
type RetrOptions struct {
	Offset int64
	Length int64 // -1: to the end
	Size   int64 // of the whole file, as the caller knows it; -1: not known
	Lane   Lane

	// Longer, if set, is called when the file turns out to go on behind Size.
	// It must not wait for anything.
	Longer func()
}

// Stream is the content of a file, as it comes.
//
// Read is for one goroutine at a time; Close and SetLane may be called from
// any. Read returns io.EOF when all that was asked for has come: the length,
// or the rest of the known size, or, if neither is known, all that the server
// sent before it confirmed the transfer. ErrPreempted means that the
// connection went to more urgent work; another error that the rest could not
// be had. The bytes that came before are good in any case.
//
// Close does not wait for the server. A stream that is not read is no burden
// but for its connection, which the pool can take at any time.
type Stream interface {
	io.ReadCloser
	SetLane(Lane)
}

// stream is a Stream of a Pool.
type stream struct {
	p    *Pool
	t    *transfer
	want int64 // bytes still to come; -1: until the server ends
	name string

	longer func() // called when there is more than was wanted; may be nil

	lane  atomic.Int32
	since time.Time // when it got its connection

	revoked bool // guarded by p.mu: the data connection was closed to take the Conn back

	mu   sync.Mutex // guards what follows; held while the transfer ends, not while it is read
	over error      // what Read answers from now on; nil while the transfer runs
}

var _ Stream = (*stream)(nil)

// Retr opens a file's content. ctx covers the opening only.
func (p *Pool) Retr(ctx context.Context, name string, o RetrOptions) (Stream, error) {
	want, longer := o.Length, o.Longer
	if o.Size >= 0 && (want < 0 || o.Offset+want >= o.Size) {
		want = max(0, o.Size-o.Offset)
	} else {
		longer = nil // it is not read to its end
	}
	for try := 0; ; try++ {
		c, err := p.get(ctx, o.Lane)
		if err != nil {
			return nil, err
		}
		t, err := c.retr(ctx, name, o.Offset, o.Size, want >= 0 && want <= shortTransfer)
		if err != nil {
			again := ctx.Err() == nil && p.worthRetry(c, err, try)
			p.put(c)
			if again {
				continue
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, err
		}
		s := &stream{p: p, t: t, want: want, name: name, longer: longer, since: time.Now()}
		s.lane.Store(int32(o.Lane))
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			s.end(ErrClosed, false)
			return nil, ErrClosed
		}
		p.streams[s] = struct{}{}
		p.serveLocked()
		p.mu.Unlock()
		time.AfterFunc(spareDelay, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.spareLocked()
		})
		return s, nil
	}
}

// shortTransfer is up to which size the next data connection is prepared
// together with a transfer: until the transfer is over the server holds a port
// open for it.
const shortTransfer = 1 << 20

// spareDelay is how long a transfer runs before a second connection is opened
// beside it: longer than small files take, on a near server.
const spareDelay = 150 * time.Millisecond

func (s *stream) laneLocked() Lane { return Lane(s.lane.Load()) }

// SetLane changes how urgent the stream is.
func (s *stream) SetLane(l Lane) {
	if Lane(s.lane.Swap(int32(l))) == l {
		return
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.serveLocked()
}

// revokeLocked takes the connection back from a stream. Closing the data
// connection wakes its Read, if one is under way; the Conn comes back when
// the server has said so.
func (p *Pool) revokeLocked(s *stream) {
	s.revoked = true
	p.recycling++
	_ = s.t.data.Close()
	p.work.Go(func() {
		s.end(ErrPreempted, false)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.recycling--
		p.serveLocked()
	})
}

// cut closes the data connection under a Read, without more.
func (s *stream) cut() { _ = s.t.data.Close() }

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	if s.over != nil {
		s.mu.Unlock()
		return 0, s.over
	}
	if s.want == 0 {
		s.mu.Unlock()
		return 0, s.complete()
	}
	if s.want > 0 && int64(len(p)) > s.want {
		p = p[:s.want]
	}
	s.mu.Unlock()

	n, err := s.t.Read(p)

	s.mu.Lock()
	if s.want > 0 {
		s.want -= int64(n)
	}
	over := s.over
	s.mu.Unlock()
	switch {
	case n > 0 && (err == nil || over != nil):
		return n, nil
	case over != nil:
		return 0, over
	case errors.Is(err, io.EOF):
		if n > 0 {
			return n, nil // the end is looked at when it is met again
		}
		return 0, s.ended()
	case err != nil:
		s.p.mu.Lock()
		revoked := s.revoked
		s.p.mu.Unlock()
		if revoked {
			return n, ErrPreempted
		}
		return n, s.broke(err)
	}
	return n, nil
}

// complete ends a stream that has given all that was wanted. The server's
// last word is awaited in the background.
func (s *stream) complete() error {
	s.endInBackground(io.EOF, true)
	return io.EOF
}

// ended handles the end of the data before all that was wanted has come, or
// when it was not known how much that is. The final reply decides.
func (s *stream) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != nil {
		return s.over
	}
	_, err := s.t.finish()
	switch {
	case err == nil && s.want < 0 && s.t.data.cutShort():
		err = fmt.Errorf("RETR %s: %w: TLS was not closed in order, and the size is not known", Printable(s.name), ErrShort)
	case err == nil && s.want < 0:
		err = io.EOF
	case err == nil:
		err = fmt.Errorf("RETR %s: %w: %w: %d bytes are missing", Printable(s.name), ErrShort, ErrSize, s.want)
	}
	s.over = err
	s.release()
	return err
}

// broke handles a failed read of the data connection.
func (s *stream) broke(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != nil {
		return s.over
	}
	s.over = fmt.Errorf("RETR %s: %w: %w", Printable(s.name), ErrShort, err)
	if errors.Is(err, ErrTimeout) {
		// The server stalls: its control connection will not answer either.
		_ = s.t.c.fail(err)
		_ = s.t.data.Close()
		s.release()
		return s.over
	}
	s.finishInBackground(false)
	return s.over
}

// Close implements io.Closer.
func (s *stream) Close() error {
	s.mu.Lock()
	complete := s.want == 0
	s.mu.Unlock()
	s.endInBackground(ErrClosed, complete)
	return nil
}

func (s *stream) endInBackground(over error, complete bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != nil {
		return
	}
	s.over = over
	s.finishInBackground(complete)
}

// finishInBackground brings the Conn back into step and gives it to the pool.
// The caller holds s.mu and has set s.over.
func (s *stream) finishInBackground(complete bool) {
	p := s.p
	p.mu.Lock()
	if p.closed {
		_ = s.t.c.fail(ErrClosed)
		_ = s.t.data.Close()
		delete(p.streams, s)
		p.dropLocked(s.t.c)
		p.mu.Unlock()
		return
	}
	if s.revoked { // end is on its way, and finds s.over set
		p.mu.Unlock()
		s.conclude(complete)
		return
	}
	s.revoked = true // nothing is to be had here any more
	p.recycling++
	p.work.Go(func() {
		if complete {
			s.mu.Lock()
			s.conclude(true)
			s.mu.Unlock()
		} else {
			// Whoever reads has s.over as the answer, and need not wait for a
			// server that may be silent.
			s.conclude(false)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.recycling--
		p.serveLocked()
	})
	p.mu.Unlock()
}

// end ends a stream at once, in this goroutine.
func (s *stream) end(over error, complete bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != nil {
		return
	}
	s.over = over
	s.conclude(complete)
}

// conclude ends the transfer and gives the connection back.
func (s *stream) conclude(complete bool) {
	if complete && s.atEnd() {
		if _, err := s.t.finish(); err != nil {
			s.p.cfg.Logger.Warn("all of a file came, but the server did not confirm it", "path", s.name, "error", err)
		}
	} else {
		s.t.abandon()
	}
	s.release()
}

// atEnd looks for the end of the data behind the last byte that was wanted.
func (s *stream) atEnd() bool {
	if s.t.ended.Load() {
		return true
	}
	var one [1]byte
	n, err := s.t.Read(one[:])
	if n > 0 && s.longer != nil {
		s.longer()
	}
	return n == 0 && errors.Is(err, io.EOF)
}

// release gives the connection back to the pool.
func (s *stream) release() {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	delete(s.p.streams, s)
	s.p.putLocked(s.t.c)
}
