package ftpconn

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// How the pool keeps house among the connections that nobody uses.
const (
	houseInterval = 5 * time.Second

	// spareIdle is how long a second connection is kept without use: others
	// may want the place, and servers count clients.
	spareIdle = 30 * time.Second

	// hotUse is how long after the last use connections are kept hot.
	hotUse = time.Minute

	// hotAge is when a data connection that waits is given up. Servers close
	// it after 60 (ProFTPD: 600, vsftpd: 300) seconds.
	hotAge = 45 * time.Second

	// hotIdle is how many idle connections are kept hot.
	hotIdle = 4
)

// keepHouse closes connections that are not needed any more and keeps the
// last one alive, until the pool is closed.
func (p *Pool) keepHouse() {
	tick := time.NewTicker(houseInterval)
	defer tick.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-tick.C:
			p.tidy(time.Now())
		}
	}
}

// tidy is one round of keepHouse.
func (p *Pool) tidy(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	var keep []*Conn
	for _, c := range p.idle {
		unused := now.Sub(c.lastUse)
		last := len(p.conns) == 1
		switch {
		case !c.alive():
			p.dropLocked(c)
		case !last && unused > spareIdle, last && unused > p.cfg.IdleTimeout && p.cfg.KeepAlive == 0:
			p.dropLocked(c)
		case last && p.cfg.KeepAlive > 0 && unused > p.cfg.KeepAlive, c.hot() && now.Sub(c.data.opened) > hotAge:
			p.attendLocked(c)
		default:
			keep = append(keep, c)
		}
	}
	p.idle = keep
}

// attendLocked works on an idle connection in the background: closes a data
// connection that has waited too long, and asks for a sign of life.
func (p *Pool) attendLocked(c *Conn) {
	p.recycling++
	p.work.Go(func() {
		if c.hot() && time.Since(c.data.opened) > hotAge {
			c.dropData()
		}
		// A server may have something to say about the data connection that
		// went away; the reply to NOOP can be told from that.
		c.resynchronise()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.recycling--
		p.putLocked(c)
	})
}

// shouldHeatLocked says whether c, about to be idle, should open its next data
// connection ahead of need.
func (p *Pool) shouldHeatLocked(c *Conn) bool {
	now := time.Now()
	if p.cfg.Active || c.data != nil || now.Sub(p.lastUse) > hotUse || now.Before(p.coldUntil) {
		return false
	}
	if c.srv.facts().root == "" {
		return false // still being explored
	}
	hot := 0
	for _, other := range p.idle {
		if other.hot() {
			hot++
		}
	}
	return hot < hotIdle
}

// alive says whether an idle connection can be used: it is open, and the
// server has said nothing on it that nobody asked for. 421 before a server
// hangs up is the usual case of that.
func (c *Conn) alive() bool {
	if c.broken != nil {
		return false
	}
	if c.br.Buffered() > 0 || !silent(c.wire) {
		_ = c.fail(errors.New("the server ended the connection while it was idle"))
		return false
	}
	if c.hot() && !silent(c.data.Conn) {
		// Its reply, if there is one, must not answer the next command.
		c.dropData()
		c.cfg.Trace.note(c.id, "the waiting data connection was closed by the server")
	}
	return true
}

// silent looks, without waiting, whether a connection is open and has nothing
// to read.
func silent(nc net.Conn) bool {
	if c, ok := nc.(*idleConn); ok {
		nc = c.Conn
	}
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	// A deadline of the past would keep the function from being called.
	if err := nc.SetReadDeadline(time.Time{}); err != nil {
		return false
	}
	quiet := false
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = n <= 0 && errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && quiet
}
