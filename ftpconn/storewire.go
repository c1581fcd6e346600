package ftpconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"ftpfs/ftpconn/listing"
)

// store starts to send content, with the reply that allows it.
func (c *Conn) store(ctx context.Context, verb, name string) (*transfer, error) {
	// A directory to which it is not possible to change must not make the file
	// appear elsewhere: its reply is awaited.
	arg, err := c.target(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := c.fromBegin(ctx); err != nil {
		return nil, err
	}
	t, err := c.transfer(ctx, command{verb, arg})
	if err != nil {
		return nil, c.meaning(err, func() error { return c.whyStore(ctx, name) })
	}
	return t, nil
}

// fromBegin makes sure that the server does not keep a restart offset, at which
// it would begin to write. Not all forget it with the transfer that it was for.
func (c *Conn) fromBegin(ctx context.Context) error {
	if !c.restLeft && !(c.rested && c.srv.facts().software == otherSoftware) {
		return nil
	}
	_, err := c.do(ctx, "REST", "0")
	if c.broken != nil {
		return err
	}
	c.restLeft, c.rested = false, false // whoever refuses REST has no offset
	return nil
}

// storeWhole sends a file that is at hand, with all that belongs to it. begun
// says that the server has said it takes the content.
func (c *Conn) storeWhole(ctx context.Context, verb, name string, content []byte, s Settled) (a Applied, begun bool, err error) {
	arg, err := c.target(ctx, name)
	if err != nil {
		return a, false, err
	}
	if err := c.fromBegin(ctx); err != nil {
		return a, false, err
	}
	for try := 0; ; try++ {
		wasOpen := c.hot()
		if err := c.openData(ctx); err != nil {
			return a, false, err
		}
		t := &transfer{c: c, cmd: command{verb, arg}, data: c.data, start: time.Now()}
		c.data = nil
		a, begun, err = t.whole(ctx, name, content, s)
		if wasOpen && try == 0 && errors.Is(err, errStaleData) && c.broken == nil {
			continue
		}
		if !begun {
			err = c.meaning(err, func() error { return c.whyStore(ctx, name) })
		}
		return a, begun, err
	}
}

// whole is a transfer of content that is at hand. Where that is safe the
// content follows the command without waiting for its 1yz reply: to a data
// connection that is open, where commands may be sent ahead too. Under TLS, and
// in active mode, there is nothing yet to send it over.
func (t *transfer) whole(ctx context.Context, name string, content []byte, s Settled) (a Applied, begun bool, err error) {
	c := t.c
	defer c.interruptOn(ctx)()
	defer func() { _ = t.data.Close() }()
	tail := c.tailOf(name, t.cmd.arg, s)
	commands := []command{t.cmd}
	if tail.behind() {
		tail.sent = true
		commands = append(commands, tail.commands...)
	}
	if err := c.send(commands...); err != nil {
		return a, false, err
	}
	t.early = c.shakeEarly(ctx, t.data)
	var ahead chan error
	if c.mayQueue() && !c.private && t.data.listener == nil && !c.srv.facts().noAhead {
		ahead = make(chan error, 1)
		go func() { ahead <- t.sendAll(content) }()
	}
	if err := t.begin(ctx); err != nil {
		_ = t.data.Close()
		if ahead != nil {
			<-ahead
		}
		if tail.sent && c.broken == nil {
			tail.receive(c)
		}
		return a, false, err
	}
	var failed error
	if ahead != nil {
		failed = <-ahead
	} else {
		stop := context.AfterFunc(ctx, func() { _ = t.data.Close() })
		failed = t.sendAll(content)
		stop()
	}
	a, err = t.conclude(ctx, name, s, tail, failed)
	if ahead != nil && errors.Is(err, ErrShort) && t.cmd.verb == "STOR" && s.Size == int64(len(content)) {
		c.srv.learn(func(srv *server) { srv.noAhead = true })
		c.cfg.Logger.Info("content is sent only when the server asks for it from now on", "reason", err)
	}
	return a, true, err
}

// commit ends a transfer whose content was written.
func (t *transfer) commit(ctx context.Context, name string, s Settled) (Applied, error) {
	c := t.c
	defer c.interruptOn(ctx)()
	defer context.AfterFunc(ctx, func() { _ = t.data.Close() })()
	tail := c.tailOf(name, t.cmd.arg, s)
	if tail.behind() {
		tail.sent = true
		if err := c.send(tail.commands...); err != nil {
			return Applied{}, err
		}
	}
	return t.conclude(ctx, name, s, tail, t.endData())
}

// conclude takes the final reply to a transfer whose data was ended, with the
// error failed, and those to what follows it.
func (t *transfer) conclude(ctx context.Context, name string, s Settled, tail *tail, failed error) (Applied, error) {
	c := t.c
	err := t.finishUpload()
	if err == nil && failed != nil {
		err = fmt.Errorf("%s %s: %w: %w", t.cmd.verb, Printable(name), ErrShort, failed)
	}
	switch {
	case c.broken != nil:
		return Applied{}, c.broken
	case tail.sent:
		tail.receive(c)
	case err == nil:
		if tail.timeLater {
			tail.timeSet = c.setTime(ctx, name, s.Time) == nil
		}
		if c.broken == nil {
			tail.exchange(ctx, c)
		}
	}
	if err != nil {
		return Applied{}, err
	}
	if c.broken != nil {
		return Applied{}, c.broken
	}
	return tail.applied(c, name, s)
}

// Write sends content over the data connection.
func (t *transfer) Write(p []byte) (int, error) {
	if t.data.Conn == nil {
		return 0, net.ErrClosed
	}
	n, err := t.data.Write(p)
	t.bytes.Add(int64(n))
	return n, err
}

func (t *transfer) sendAll(content []byte) error {
	if len(content) > 0 {
		if _, err := t.Write(content); err != nil {
			_ = t.data.Close()
			return err
		}
	}
	return t.endData()
}

// endData tells the server that the content is complete.
//
// Under TLS that is close_notify; then all must be read that the server has
// sent, tickets for one: if the connection is closed with something unread, the
// kernel resets it, and what is still on its way to the server is lost without
// a sign of it. ProFTPD answers with its own close_notify, and says nothing
// more until TCP has ended too.
func (t *transfer) endData() error {
	d := t.data
	if d.Conn == nil {
		return nil
	}
	half, ok := d.below().(interface{ CloseWrite() error })
	tc, protected := d.Conn.(*tls.Conn)
	switch {
	case protected:
		if err := tc.CloseWrite(); err != nil {
			return err
		}
		if ok {
			_ = half.CloseWrite() // the server may have closed it already
		}
		d.drain(tc)
	case ok:
		return half.CloseWrite()
	}
	return d.Close()
}

// finishUpload waits for the final reply, and as long as what was sent is still
// on its way.
func (t *transfer) finishUpload() error {
	c := t.c
	defer func() {
		_ = t.data.Close()
		c.cfg.Trace.note(c.id, "%s: %d bytes sent in %v", t.cmd.verb, t.bytes.Load(), time.Since(t.start).Round(10*time.Microsecond))
	}()
	if t.done != nil {
		return nil
	}
	if c.session == nil {
		for left := t.data.unsent(); left > 0; {
			_, err := c.br.Peek(1)
			now := t.data.unsent()
			if !errors.Is(timeoutError(err), ErrTimeout) || now >= left {
				break
			}
			left = now
		}
	}
	r, err := c.receive(t.cmd.verb)
	for err == nil && r.class() == 1 {
		r, err = c.receive(t.cmd.verb)
	}
	if err != nil {
		return err
	}
	if r.class() != 2 {
		e := newError(t.cmd.verb, t.cmd.arg, r)
		if e.Kind == nil {
			e.Kind = e.reason()
		}
		return e
	}
	return nil
}

// tail is what follows content on its connection: the commands that Settled
// asks for, a look at the file, and the next data connection.
type tail struct {
	c        *Conn
	commands []command
	replies  []reply
	errs     []error
	sent     bool // with the transfer, so that the replies are to come

	setTime, setMode, machine, size, mdtm, epsv int // which command it is; -1: none

	timeLater bool // how times are set must be found out first
	timeSet   bool
}

// tailOf makes the commands. A time is set before the mode, which may take away
// the right to do so.
func (c *Conn) tailOf(name, arg string, s Settled) *tail {
	facts := c.srv.facts()
	t := &tail{c: c}
	add := func(wanted bool, cmd command) int {
		if !wanted {
			return -1
		}
		t.commands = append(t.commands, cmd)
		return len(t.commands) - 1
	}
	set := c.firstTimeMethod()
	wantTime := !s.Time.IsZero()
	t.timeLater = wantTime && !set.sure && set.possible()
	t.setTime = add(wantTime && set.sure, set.method.command(arg, s.Time))
	t.setMode = add(s.HasMode && !facts.noSite[siteCHMOD], command{"SITE", siteNames[siteCHMOD] + " " + chmodArgument(s.Mode, arg)})
	machine := facts.features.has("MLST")
	t.machine = add(machine, command{"MLST", arg})
	t.size = add(!machine && !facts.noSize, command{"SIZE", arg})
	t.mdtm = add(!machine && !facts.noMDTM, command{"MDTM", arg})
	t.epsv = add(!facts.noEPSV && !c.cfg.Active, command{verb: "EPSV"})
	return t
}

// behind says whether the commands may be sent before the transfer's final
// reply. If the transfer fails they are executed all the same; that does no
// harm to a file that is not what it should be anyway.
//
// ProFTPD looks for commands while it waits for content and executes them at
// once, in front of what is still to come.
func (t *tail) behind() bool {
	facts := t.c.srv.facts()
	return len(t.commands) > 0 && !t.timeLater && facts.queue == queueAll && facts.software != proftpd
}

// receive takes the replies to commands that were sent.
func (t *tail) receive(c *Conn) {
	t.replies, t.errs = make([]reply, len(t.commands)), make([]error, len(t.commands))
	for i, cmd := range t.commands {
		if t.replies[i], t.errs[i] = c.final(cmd.verb, cmd.arg); c.broken != nil {
			return
		}
	}
	t.keepPort(c)
}

// exchange sends the commands, and takes the replies.
func (t *tail) exchange(ctx context.Context, c *Conn) {
	var err error
	if t.replies, t.errs, err = c.batch(ctx, t.commands...); err == nil {
		t.keepPort(c)
	}
}

// keepPort notes where the server waits for the next data connection.
func (t *tail) keepPort(c *Conn) {
	if t.epsv < 0 || t.errs[t.epsv] != nil {
		return
	}
	if port, err := parseExtendedPassive(t.replies[t.epsv].text()); err == nil && t.replies[t.epsv].code == codeExtendedPassive {
		c.nextPort, c.nextSince = port, time.Now()
	}
}

// ok says that a command was sent and executed.
func (t *tail) ok(i int) bool { return i >= 0 && t.errs[i] == nil && !notDone(t.replies[i]) }

// applied draws the conclusion.
func (t *tail) applied(c *Conn, name string, s Settled) (Applied, error) {
	a := Applied{Entry: unasked(name, s), Time: t.timeSet || t.ok(t.setTime)}
	if i := t.setMode; i >= 0 {
		a.Mode = c.siteResult(siteCHMOD, t.commands[i], t.replies[i], t.errs[i]) == nil
	}
	known := false
	switch {
	case t.ok(t.machine):
		if e, err := c.factsOf(name, t.replies[t.machine]); err == nil && e.Type == listing.File {
			a.Entry, known = e, e.Size >= 0
		}
	default:
		if t.ok(t.size) {
			if n := parseSize(t.replies[t.size].text()); n >= 0 {
				a.Entry.Size, known = n, true
			}
		}
		if t.ok(t.mdtm) {
			if when, ok := parseTime(t.replies[t.mdtm].text()); ok {
				a.Entry.ModTime, a.Entry.ModPrec = when, listing.Second
			}
		}
	}
	if a.Time && !a.Entry.ModTime.IsZero() && !sameTime(a.Entry, s.Time) {
		a.Time = false
	}
	if known && s.Size >= 0 && a.Entry.Size != s.Size {
		return a, fmt.Errorf("%s: %w: the server has %d bytes of %d", Printable(name), ErrShort, a.Entry.Size, s.Size)
	}
	return a, nil
}
