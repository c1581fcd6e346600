package ftpconn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

// Conn is one logged-in control connection. It is not safe for concurrent
// use, except for Close and interrupt. Once broken it answers every call with
// the same error.
type Conn struct {
	id  int // for the trace
	cfg *Config
	srv *server

	wire    *idleConn // the TCP connection
	control net.Conn  // what is spoken over: wire, or TLS above it
	br      *bufio.Reader
	peer    netip.Addr // where data connections go, and may come from

	session *TLSSession // nil in clear
	private bool        // data connections use TLS too

	broken   error
	silent   bool      // it is broken because a command was not answered in time
	asked    time.Time // when the last command was sent
	quiet    bool      // the server was told or has said goodbye
	cwd      string    // the server's directory; "" if not known
	restLeft bool      // the server may keep a restart offset
	rested   bool      // REST was sent, and nothing since that takes it back
	data     *dataConn

	nextPort  uint16 // where the server waits for a data connection already; 0: nowhere
	nextSince time.Time

	created time.Time
	lastUse time.Time // of the control connection
}

// idleConn makes every read and write of a connection fail when nothing moves
// for the timeout: the deadline starts again with each call that makes
// progress.
type idleConn struct {
	net.Conn
	timeout time.Duration
}

func (c *idleConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	return n, timeoutError(err)
}

// Write writes all of p. What the kernel has sent of what it was given before
// is progress too: on a slow line it takes nothing new until much of that is
// gone.
func (c *idleConn) Write(p []byte) (int, error) {
	return c.patiently(func(done int) (int, error) { return c.Conn.Write(p[done:]) })
}

// patiently sends by a function, which is told how much it has sent before, and
// which sends all of the rest but for an error.
func (c *idleConn) patiently(send func(done int) (int, error)) (int, error) {
	done := 0
	for left := unsent(c.Conn); ; {
		if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
			return done, err
		}
		n, err := send(done)
		done += n
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return done, err
		}
		now := unsent(c.Conn)
		if n == 0 && now >= left {
			return done, timeoutError(err)
		}
		left = now
	}
}

// timeoutError gives an expired deadline its name.
func timeoutError(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return err
}

// fail marks the connection broken and returns the error.
func (c *Conn) fail(err error) error {
	if c.broken == nil {
		c.broken = err
		c.dropData()
		_ = c.wire.Close()
	}
	return err
}

// interruptOn breaks the connection when ctx ends, so that whoever waits for
// it comes back at once. The function that it returns must be called when the
// wait is over.
func (c *Conn) interruptOn(ctx context.Context) (stop func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	cancel := context.AfterFunc(ctx, func() { _ = c.wire.Close() })
	return func() { cancel() }
}

// command is one command line: a verb and at most one argument.
type command struct{ verb, arg string }

func (c command) String() string {
	if c.arg == "" {
		return c.verb
	}
	return c.verb + " " + c.arg
}

// line is a command as it goes over the wire. All that is written to a control
// connection comes from here: a name can not bring a command of its own.
func (c *Conn) line(cmd command) (string, error) {
	line := cmd.String()
	if strings.ContainsAny(line, "\r\n\x00") {
		return "", fmt.Errorf("%s: %w", Printable(maskSecret(line)), ErrName)
	}
	// 0xFF begins a Telnet command and is doubled to mean itself, RFC 854.
	if c.srv.speaksTelnet() {
		line = strings.ReplaceAll(line, "\xff", "\xff\xff")
	}
	return line + "\r\n", nil
}

// send writes commands in one packet.
func (c *Conn) send(commands ...command) error {
	if c.broken != nil {
		return c.broken
	}
	var b strings.Builder
	for _, cmd := range commands {
		line, err := c.line(cmd)
		if err != nil {
			return err
		}
		b.WriteString(line)
	}
	for _, cmd := range commands {
		c.cfg.Trace.sent(c.id, cmd.String())
	}
	c.lastUse = time.Now()
	c.asked = c.lastUse
	if _, err := io.WriteString(c.control, b.String()); err != nil {
		return c.fail(fmt.Errorf("%s: sending the command: %w", commands[0].verb, err))
	}
	return nil
}

// receive reads one reply to op. A 421, at whatever moment it comes, ends the
// connection.
func (c *Conn) receive(op string) (reply, error) {
	if c.broken != nil {
		return reply{}, c.broken
	}
	r, err := readReply(c.br, op, func(line string) { c.cfg.Trace.received(c.id, line) })
	c.lastUse = time.Now()
	if err != nil {
		var p *ProtocolError
		if !errors.As(err, &p) {
			err = fmt.Errorf("%s: waiting for the reply: %w", op, err)
		}
		return r, c.fail(err)
	}
	if r.code == codeNotAvailable {
		return r, c.fail(&Error{Op: op, Code: r.code, Msg: r.text(), Kind: ErrUnreachable})
	}
	return r, nil
}

// do sends one command and waits for its final reply. A reply of the wrong
// class is an *Error if negative and a *ProtocolError otherwise.
func (c *Conn) do(ctx context.Context, verb, arg string) (reply, error) {
	defer c.interruptOn(ctx)()
	if err := c.send(command{verb, arg}); err != nil {
		return reply{}, err
	}
	return c.final(verb, arg)
}

// final reads the reply to a command that moves no data.
func (c *Conn) final(verb, arg string) (reply, error) {
	r, err := c.receive(verb)
	if err != nil {
		c.silent = errors.Is(err, ErrTimeout)
		return r, err
	}
	switch r.class() {
	case 2, 3:
		if verb == "CWD" {
			c.cwd = arg
		}
		return r, nil
	case 4, 5:
		if verb == "CWD" && r.class() == 4 {
			c.cwd = "" // some servers have moved half-way
		}
		return r, newError(verb, arg, r)
	}
	return r, c.fail(&ProtocolError{Op: verb, Detail: fmt.Sprintf("unexpected reply %d %s", r.code, clip(r.text(), 80))})
}

// batch sends commands that move no data and collects their replies, all in
// one round trip where the server can be trusted with that. errs[i] is nil or
// the *Error of commands[i]; err is what broke the connection.
func (c *Conn) batch(ctx context.Context, commands ...command) (replies []reply, errs []error, err error) {
	defer c.interruptOn(ctx)()
	replies = make([]reply, len(commands))
	errs = make([]error, len(commands))
	together := c.mayQueue()
	if together {
		if err := c.send(commands...); err != nil {
			return replies, errs, err
		}
	}
	for i, cmd := range commands {
		if !together {
			if err := c.send(cmd); err != nil {
				return replies, errs, err
			}
		}
		replies[i], errs[i] = c.final(cmd.verb, cmd.arg)
		if c.broken != nil {
			return replies, errs, c.broken
		}
	}
	return replies, errs, nil
}

// mayQueue says whether commands may be sent ahead of their replies.
func (c *Conn) mayQueue() bool {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	return c.srv.queue >= queueCommands
}

// newError makes the error of a negative reply. Only codes that can mean one
// thing get a Kind here; see classify for the others.
func newError(verb, arg string, r reply) *Error {
	e := &Error{Op: verb, Path: arg, Code: r.code, Msg: r.text()}
	switch r.code {
	case codeUnknown, codeNotImplemented, codeNotForThatArg:
		e.Kind = ErrNotSupported
	case codeNoSpace:
		e.Kind = ErrNoSpace
	case codeExceededQuota:
		e.Kind = ErrQuota
	}
	return e
}

// Close says QUIT where that can be done without waiting, and closes the
// connection.
func (c *Conn) Close() {
	c.dropData()
	if c.broken == nil && !c.quiet {
		c.quiet = true
		if c.send(command{verb: "QUIT"}) == nil {
			// The goodbye is for the trace; a server that is slow to say it
			// is not waited for.
			c.setTimeout(250 * time.Millisecond)
			_, _ = readReply(c.br, "QUIT", func(line string) { c.cfg.Trace.received(c.id, line) })
		}
	}
	if c.broken == nil {
		c.broken = ErrClosed
	}
	_ = c.control.Close()
	_ = c.wire.Close()
}

// setTimeout changes how long the next replies are waited for.
func (c *Conn) setTimeout(d time.Duration) { c.wire.timeout = d }

// speaksTelnet says whether the server treats 0xFF as the Telnet escape.
func (s *server) speaksTelnet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.software == proftpd
}
