package ftpconn

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
)

// TLSMode says how far connections are protected by TLS, RFC 4217.
type TLSMode int

// The modes.
const (
	// TLSOff never uses TLS.
	TLSOff TLSMode = iota

	// TLSAuto asks for TLS where a password is to be sent, and goes on in
	// clear, which Pool.Security tells, where the server says that it has
	// none. Once a server was seen to have it, TLS is required.
	TLSAuto

	// TLSExplicit requires AUTH TLS after the greeting.
	TLSExplicit

	// TLSImplicit begins with TLS, usually at port 990.
	TLSImplicit
)

// ErrTLS says that TLS was required and could not be had: refused by the
// server, its certificate not trusted, or the handshake failed.
var ErrTLS = errors.New("no protection by TLS")

// errInjected says that bytes in clear came behind the reply to AUTH, where
// nothing but TLS may be: somebody between us and the server puts words into
// its mouth.
var errInjected = fmt.Errorf("%w: there are bytes in clear behind the server's reply to AUTH", ErrTLS)

// Security is what protects the connections of a Pool.
type Security struct {
	TLS     bool
	Version string // such as "TLS 1.3"
	Data    bool   // data connections too

	// PasswordInClear says that a password went over the network unprotected.
	PasswordInClear bool
}

// Security says how the server was logged in to, once Connect has returned
// nil.
func (p *Pool) Security() Security {
	p.srv.mu.Lock()
	defer p.srv.mu.Unlock()
	return p.srv.security
}

// isAnonymous says whether there is no secret in the login.
func (cfg *Config) isAnonymous() bool { return cfg.User == "anonymous" || cfg.User == "ftp" }

// asksForTLS says whether AUTH TLS is sent after the greeting.
func (c *Conn) asksForTLS() bool {
	switch c.cfg.TLS {
	case TLSExplicit:
		return true
	case TLSAuto:
		return !c.cfg.isAnonymous() && !c.srv.facts().noTLS
	}
	return false
}

// requiresTLS says whether a refusal of TLS is the end.
func (c *Conn) requiresTLS() bool {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	return c.cfg.TLS >= TLSExplicit || c.srv.security.TLS
}

// auth takes the reply to AUTH TLS, and makes the handshake if the server
// agrees. It reports whether the connection is protected.
func (c *Conn) auth(ctx context.Context) (bool, error) {
	r, err := c.receive("AUTH")
	if err != nil {
		return false, err
	}
	switch {
	case r.code == 234 || r.code == 334:
	case r.class() == 4 || r.class() == 5:
		// 4yz: it has TLS, but not now. That is no reason to do without.
		if c.requiresTLS() || r.class() == 4 {
			e := newError("AUTH", "TLS", r)
			e.Kind = ErrTLS
			return false, c.fail(e)
		}
		return false, nil
	default:
		return false, c.fail(&ProtocolError{Op: "AUTH", Detail: fmt.Sprintf("unexpected reply %d", r.code)})
	}
	if c.br.Buffered() > 0 {
		return false, c.fail(errInjected)
	}
	return true, c.protectControl(ctx)
}

// protectControl makes the TLS handshake on the control connection. From then
// on replies are read from what TLS protects alone.
func (c *Conn) protectControl(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	s, err := NewTLSSession(ctx, c.wire, c.cfg.TLSConfig)
	if err != nil {
		return c.fail(err)
	}
	c.session, c.control = s, s.Control
	c.br = bufio.NewReaderSize(c.control, maxReplyLine)
	c.cfg.Trace.note(c.id, "control connection protected by %s", s)
	return nil
}

// shaken is a data connection's handshake that came to its end.
type shaken struct {
	conn *tls.Conn
	wire *endWatch
	err  error
}

// shake makes the handshake on a data connection.
func (c *Conn) shake(ctx context.Context, d *dataConn) shaken {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	wire := &endWatch{Conn: d.Conn}
	tc, err := c.session.Data(ctx, wire)
	return shaken{tc, wire, err}
}

// shakeEarly begins the handshake behind a command, without waiting for its
// 1yz reply: that saves a round trip. Only servers that work in order are known
// to take it; pyftpdlib, which looks at the connection before, resets it.
func (c *Conn) shakeEarly(ctx context.Context, d *dataConn) <-chan shaken {
	if !c.private || d.Conn == nil || c.srv.facts().queue < queueSameWrite {
		return nil
	}
	result := make(chan shaken, 1)
	raw := &dataConn{Conn: d.Conn} // d itself may be closed meanwhile
	go func() { result <- c.shake(ctx, raw) }()
	return result
}

// protectData makes the handshake on the data connection, or waits for the end
// of the one that began early. The server has said 1yz by then: before that
// some do not look at the connection.
func (t *transfer) protectData(ctx context.Context) error {
	c := t.c
	if !c.private {
		return nil
	}
	var s shaken
	if t.early != nil {
		s = <-t.early
	} else {
		s = c.shake(ctx, t.data)
	}
	if s.err != nil {
		return s.err
	}
	if !s.conn.ConnectionState().DidResume {
		c.cfg.Trace.note(c.id, "data connection protected by a new TLS session: the server did not resume that of the control connection")
	}
	t.data.Conn, t.data.wire = s.conn, s.wire
	return nil
}

// endWatch notes whether the peer ended a connection by TCP's means. TLS has
// its own end, close_notify, which nobody in between can make up; crypto/tls
// reports both as io.EOF.
type endWatch struct {
	net.Conn
	ended atomic.Bool
}

func (w *endWatch) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if errors.Is(err, io.EOF) {
		w.ended.Store(true)
	}
	return n, err
}

// cutShort says, at the end of the data, that a protected connection ended
// without close_notify, so that anybody may have ended it.
func (d *dataConn) cutShort() bool { return d.wire != nil && d.wire.ended.Load() }

// UntrustedCertificate returns the certificate that a TLS handshake failed
// on because it could not be verified, or nil.
func UntrustedCertificate(err error) *x509.Certificate {
	var bad *tls.CertificateVerificationError
	if errors.As(err, &bad) && len(bad.UnverifiedCertificates) > 0 {
		return bad.UnverifiedCertificates[0]
	}
	return nil
}

// protectionCommands make the data connections private, RFC 4217 section 9.
// PBSZ has no meaning with TLS, but PROT must follow it.
var protectionCommands = []command{{"PBSZ", "0"}, {"PROT", "P"}}

// protection looks at the replies to protectionCommands.
func (c *Conn) protection(prot error) error {
	if prot == nil {
		c.private = true
		return nil
	}
	var refused *Error
	if errors.As(prot, &refused) {
		refused.Kind = ErrTLS
	}
	return c.fail(fmt.Errorf("data connections would be in clear: %w", prot))
}

// noteSecurity remembers how a login was protected.
func (c *Conn) noteSecurity() {
	s := Security{PasswordInClear: c.session == nil && !c.cfg.isAnonymous()}
	if c.session != nil {
		s.TLS, s.Data, s.Version = true, c.private, c.session.version()
	}
	c.srv.learn(func(srv *server) { srv.security = s })
}
