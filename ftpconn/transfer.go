package ftpconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// How long the end of a transfer is waited for. The data is there by then;
// the reply only says so, and servers were seen to forget it.
const (
	finalWait = 10 * time.Second
	abortWait = 5 * time.Second
)

// transfer is one command that moves data, from its 1yz reply on. It holds
// its Conn until finish or abandon was called.
type transfer struct {
	c     *Conn
	cmd   command
	data  *dataConn
	start time.Time
	early <-chan shaken // a handshake that began with the command; nil: none
	done  *reply        // the final reply, if it came without a 1yz reply
	chain bool          // EPSV was sent behind the command, and its reply is to come

	// Who ends a transfer need not be who reads it.
	bytes atomic.Int64 // moved so far
	ended atomic.Bool  // the peer closed the data connection in order
}

// errStaleData says that a data connection which was opened in advance had
// died before its command: the command is worth another try with a new one.
var errStaleData = errors.New("the waiting data connection was closed")

// transfer starts a command that moves data. The commands in ahead must
// succeed for it to be right, such as CWD or REST; they are sent in the same
// packet where that is safe. If one of them fails, its *Error is returned and
// nothing was transferred.
func (c *Conn) transfer(ctx context.Context, cmd command, ahead ...command) (*transfer, error) {
	return c.transferChain(ctx, false, cmd, ahead...)
}

// transferChain is transfer with the preparation of a next one; see
// startTransfer.
func (c *Conn) transferChain(ctx context.Context, chain bool, cmd command, ahead ...command) (*transfer, error) {
	for try := 0; ; try++ {
		wasOpen := c.hot()
		if err := c.openData(ctx); err != nil {
			return nil, err
		}
		t, err := c.startTransfer(ctx, cmd, ahead, chain)
		if wasOpen && try == 0 && errors.Is(err, errStaleData) && c.broken == nil {
			continue
		}
		return t, err
	}
}

// startTransfer sends the commands. With chain, EPSV follows in the same packet
// and prepares the next data connection: that saves a round trip between short
// transfers.
func (c *Conn) startTransfer(ctx context.Context, cmd command, ahead []command, chain bool) (*transfer, error) {
	defer c.interruptOn(ctx)()
	t := &transfer{c: c, cmd: cmd, data: c.data, start: time.Now()}
	c.data = nil
	together := c.mayQueue()
	if together {
		commands := append(ahead[:len(ahead):len(ahead)], cmd)
		if t.chain = chain && c.mayChain(); t.chain {
			commands = append(commands, command{verb: "EPSV"})
		}
		if err := c.send(commands...); err != nil {
			_ = t.data.Close()
			return nil, err
		}
		t.early = c.shakeEarly(ctx, t.data)
	}
	var failed error
	for _, a := range ahead {
		if !together {
			if err := c.send(a); err != nil {
				_ = t.data.Close()
				return nil, err
			}
		}
		_, err := c.final(a.verb, a.arg)
		if err != nil && failed == nil {
			failed = err
		}
		if err != nil && (c.broken != nil || !together) {
			// Nothing was sent that uses the data connection: it stays.
			c.keepData(t.data)
			return nil, err
		}
	}
	if !together {
		if err := c.send(cmd); err != nil {
			_ = t.data.Close()
			return nil, err
		}
	}
	if err := t.begin(ctx); err != nil {
		_ = t.data.Close()
		t.settle()
		if failed != nil && c.broken == nil {
			return nil, failed
		}
		return nil, err
	}
	if failed != nil {
		// The transfer runs, but from the wrong place.
		t.abandon()
		return nil, failed
	}
	return t, nil
}

// keepData puts an unused data connection back, unless the Conn is broken.
func (c *Conn) keepData(d *dataConn) {
	if c.broken != nil {
		_ = d.Close()
		return
	}
	c.data = d
}

// begin waits for the reply that starts the transfer.
func (t *transfer) begin(ctx context.Context) error {
	c := t.c
	r, err := c.receive(t.cmd.verb)
	if err != nil {
		c.silent = errors.Is(err, ErrTimeout)
		return err
	}
	switch r.class() {
	case 1:
		if err := c.accept(t.data); err != nil {
			return err
		}
		if err := t.protectData(ctx); err != nil {
			return t.unprotected(err)
		}
		return nil
	case 2:
		// Finished at once: some servers skip 150 for an empty directory.
		t.done = &r
		return nil
	case 4, 5:
		e := newError(t.cmd.verb, t.cmd.arg, r)
		if r.code == codeNoData || r.code == codeAborted {
			return fmt.Errorf("%w: %w", errStaleData, e)
		}
		return e
	}
	return c.fail(&ProtocolError{Op: t.cmd.verb, Detail: fmt.Sprintf("unexpected reply %d", r.code)})
}

// unprotected ends a transfer whose data connection could not be protected.
// The server's last word says more than the broken handshake does.
func (t *transfer) unprotected(err error) error {
	c := t.c
	_ = t.data.Close()
	c.setTimeout(min(abortWait, c.cfg.Timeout))
	defer c.setTimeout(c.cfg.Timeout)
	r, failed := c.receive(t.cmd.verb)
	if failed == nil && r.class() >= 4 {
		err = fmt.Errorf("%w: %w", err, newError(t.cmd.verb, t.cmd.arg, r))
	}
	return c.fail(err)
}

// Read reads from the data connection. io.EOF says only that the peer closed
// it; finish tells whether that was the end of the content.
func (t *transfer) Read(p []byte) (int, error) {
	if t.data.Conn == nil {
		t.ended.Store(true)
		return 0, io.EOF
	}
	n, err := t.data.Read(p)
	t.bytes.Add(int64(n))
	if errors.Is(err, io.EOF) {
		t.ended.Store(true)
	}
	return n, err
}

// finish ends a transfer whose data came to its end, and returns the final
// reply. Our side is closed first: ProFTPD does not answer before that.
func (t *transfer) finish() (reply, error) {
	c := t.c
	_ = t.data.Close()
	c.cfg.Trace.note(c.id, "%s: %d bytes received in %v", t.cmd.verb, t.bytes.Load(), time.Since(t.start).Round(10*time.Microsecond))
	defer t.settle()
	if t.done != nil {
		return *t.done, nil
	}
	c.setTimeout(min(finalWait, c.cfg.Timeout))
	defer c.setTimeout(c.cfg.Timeout)
	r, err := c.receive(t.cmd.verb)
	for err == nil && (r.class() == 1 || t.swallowed(r)) {
		r, err = c.receive(t.cmd.verb)
	}
	if err != nil {
		return r, err
	}
	if r.class() != 2 {
		return r, newError(t.cmd.verb, t.cmd.arg, r)
	}
	return r, nil
}

// swallowed says that a reply is about the EPSV behind the transfer, which came
// too late for it: what Pure-FTPd reads while it sends data it answers at once,
// with 500 for all but ABOR.
func (t *transfer) swallowed(r reply) bool {
	if !t.chain || r.code != codeUnknown || t.c.srv.facts().queue != queueSameWrite {
		return false
	}
	t.chain = false
	return true
}

// abandon ends a transfer early: the data connection is closed and the
// server's answer to that awaited. Afterwards the Conn is in step, or broken.
//
// No ABOR is sent. It would save nothing, and servers answer it with one
// reply or two, at once or after the data.
func (t *transfer) abandon() {
	c := t.c
	_ = t.data.Close()
	c.cfg.Trace.note(c.id, "%s: given up after %d bytes", t.cmd.verb, t.bytes.Load())
	defer t.settle()
	if t.done != nil || c.broken != nil {
		return
	}
	c.setTimeout(min(abortWait, c.cfg.Timeout))
	defer c.setTimeout(c.cfg.Timeout)
	// 426 is usual, 226 if all had been sent. Pure-FTPd's whole answer is a
	// second 150, with its statistics.
	if _, err := c.receive(t.cmd.verb); err != nil {
		return
	}
	facts := c.srv.facts()
	if facts.software.cleanAbort() {
		return
	}
	c.resynchronise()
}

// mayChain says whether EPSV may follow a transfer before its final reply, in
// the same packet: the server must work in order, and answer a data connection
// that is closed early with exactly one reply.
func (c *Conn) mayChain() bool {
	facts := c.srv.facts()
	return facts.queue >= queueSameWrite && facts.software.cleanAbort() && !facts.noEPSV && !c.cfg.Active
}

// settle takes the reply to the EPSV that was sent behind a transfer, once that
// has had its own last reply.
func (t *transfer) settle() {
	c := t.c
	if !t.chain || c.broken != nil {
		return
	}
	t.chain = false
	r, err := c.receive("EPSV")
	if err != nil {
		return
	}
	port, err := parseExtendedPassive(r.text())
	switch {
	case r.code == codeExtendedPassive && err == nil:
		c.nextPort, c.nextSince = port, time.Now()
	case r.class() == 4 || r.class() == 5: // there will be another try
	default:
		// The order of replies is not what it should be.
		c.srv.learn(func(s *server) { s.queue = min(s.queue, queueCommands) })
		_ = c.fail(&ProtocolError{Op: "EPSV", Detail: fmt.Sprintf("unexpected reply %d behind %s", r.code, t.cmd.verb)})
	}
}

// resynchronise makes sure that no reply is still under way after a transfer
// was given up: some servers send 226 or 225 behind the 426. A reply to NOOP
// can be told from those.
func (c *Conn) resynchronise() {
	if err := c.send(command{verb: "NOOP"}); err != nil {
		return
	}
	for range 4 {
		r, err := c.receive("NOOP")
		if err != nil {
			return
		}
		switch r.code {
		case codeClosingData, 225, codeAborted, codeLocalError, codeNoData, codeOpeningData:
			continue
		}
		if r.code == 200 || r.class() == 5 && r.code <= codeNotImplemented {
			return
		}
	}
	_ = c.fail(&ProtocolError{Op: "NOOP", Detail: "replies out of step"})
}
