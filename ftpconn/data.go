package ftpconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// dataConn is a data connection: connected already in passive mode, still to
// be accepted in active mode.
type dataConn struct {
	net.Conn              // nil while listener waits
	listener net.Listener // active mode only
	wire     *endWatch    // below TLS; nil in clear
	opened   time.Time
}

func (d *dataConn) Close() error {
	var err error
	if d.listener != nil {
		err = d.listener.Close()
	}
	if d.Conn != nil {
		err = d.Conn.Close()
	}
	return err
}

// dropData closes a data connection that no command was sent for.
func (c *Conn) dropData() {
	if c.data != nil {
		_ = c.data.Close()
		c.data = nil
	}
}

// hot says whether the next transfer finds its data connection open.
func (c *Conn) hot() bool { return c.data != nil && c.data.Conn != nil }

// openData makes sure that there is a data connection for the next transfer.
// It asks for extended passive mode first, which knows both address families
// and names no address that could be wrong behind NAT.
func (c *Conn) openData(ctx context.Context) error {
	if c.data != nil {
		return nil
	}
	if c.cfg.Active {
		return c.listenForData(ctx)
	}
	facts := c.srv.facts()
	if !facts.noEPSV {
		err := c.extendedPassive(ctx)
		if err == nil || c.broken != nil || ctx.Err() != nil {
			return err
		}
		if c.peer.IsValid() && !c.peer.Is4() {
			return err // PASV can not name an IPv6 address
		}
		var refused *Error
		if errors.As(err, &refused) && refused.Temporary() {
			return err
		}
		// Refused, or its port could not be reached: a firewall that follows
		// only PASV was in the way of some.
		if err2 := c.passive(ctx); err2 != nil {
			if errors.Is(err2, ErrNotSupported) {
				return err
			}
			return err2
		}
		c.srv.learn(func(s *server) { s.noEPSV = true })
		return nil
	}
	return c.passive(ctx)
}

// portAge is how long a port is believed to be open on which nobody has
// called: pyftpdlib closes it after 30 seconds.
const portAge = 20 * time.Second

func (c *Conn) extendedPassive(ctx context.Context) error {
	if port := c.nextPort; port != 0 {
		c.nextPort = 0
		if time.Since(c.nextSince) < portAge && c.dialData(ctx, port) == nil {
			return nil
		}
	}
	r, err := c.do(ctx, "EPSV", "")
	if err != nil {
		return err
	}
	port, err := parseExtendedPassive(r.text())
	if err != nil || r.code != codeExtendedPassive {
		return &Error{Op: "EPSV", Code: r.code, Msg: r.text(), Kind: ErrNotSupported}
	}
	return c.dialData(ctx, port)
}

func (c *Conn) passive(ctx context.Context) error {
	r, err := c.do(ctx, "PASV", "")
	if err != nil {
		return err
	}
	address, err := parsePassive(r.text())
	if err != nil {
		return &Error{Op: "PASV", Code: r.code, Msg: r.text(), Kind: ErrNotSupported}
	}
	// Only the port is used. An address of the server's choice would let it
	// send us anywhere, and is often wrong behind NAT.
	if c.peer.IsValid() && address.Addr() != c.peer {
		c.cfg.Trace.note(c.id, "PASV names %s; the data connection goes to %s all the same", address.Addr(), c.peer)
	}
	return c.dialData(ctx, address.Port())
}

// dialData connects to a port of the control connection's peer.
func (c *Conn) dialData(ctx context.Context, port uint16) error {
	host := c.peer.String()
	if !c.peer.IsValid() { // the control connection is not TCP: a test's pipe, or a proxy
		host = c.cfg.Host
	}
	address := net.JoinHostPort(host, strconv.Itoa(int(port)))
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	start := time.Now()
	nc, err := c.cfg.Dial(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("data connection to %s: %w: %w", address, ErrUnreachable, timeoutError(err))
	}
	c.srv.connected(time.Since(start))
	c.cfg.Trace.note(c.id, "data connection to %s opened", address)
	c.data = &dataConn{Conn: &idleConn{Conn: nc, timeout: c.cfg.Timeout}, opened: time.Now()}
	return nil
}

// listenForData opens a port on the address that the control connection has
// and tells the server, for active mode.
func (c *Conn) listenForData(ctx context.Context) error {
	local, ok := c.control.LocalAddr().(*net.TCPAddr)
	if !ok || c.cfg.Proxied {
		return fmt.Errorf("active mode needs a TCP control connection without a proxy")
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(local.IP.String(), "0"))
	if err != nil {
		return fmt.Errorf("active mode: %w", err)
	}
	d := &dataConn{listener: l, opened: time.Now()}
	ip, _ := netip.AddrFromSlice(local.IP)
	address := netip.AddrPortFrom(ip.Unmap(), uint16(l.Addr().(*net.TCPAddr).Port))
	verb, arg := "EPRT", extendedPortArgument(address)
	if address.Addr().Is4() {
		verb, arg = "PORT", portArgument(address) // what every server knows
	}
	if _, err := c.do(ctx, verb, arg); err != nil {
		_ = d.Close()
		return err
	}
	c.data = d
	return nil
}

// accept waits for the server's connection in active mode. Only the server
// itself is let in.
func (c *Conn) accept(d *dataConn) error {
	if d.listener == nil || d.Conn != nil {
		return nil
	}
	defer func() { _ = d.listener.Close() }()
	if l, ok := d.listener.(*net.TCPListener); ok {
		if err := l.SetDeadline(time.Now().Add(c.cfg.Timeout)); err != nil {
			return err
		}
	}
	for {
		nc, err := d.listener.Accept()
		if err != nil {
			return fmt.Errorf("active mode: the server did not connect: %w", timeoutError(err))
		}
		from, _ := nc.RemoteAddr().(*net.TCPAddr)
		if ip, _ := netip.AddrFromSlice(from.IP); ip.Unmap().WithZone(from.Zone) != c.peer {
			c.cfg.Trace.note(c.id, "data connection from %s refused: it is not the server", nc.RemoteAddr())
			_ = nc.Close()
			continue
		}
		c.cfg.Trace.note(c.id, "data connection from %s accepted", nc.RemoteAddr())
		d.Conn = &idleConn{Conn: nc, timeout: c.cfg.Timeout}
		return nil
	}
}
