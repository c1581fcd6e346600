package ftpconn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// dial opens a control connection and logs in. id numbers it in the trace.
func dial(ctx context.Context, cfg *Config, srv *server, id int) (*Conn, error) {
	start := time.Now()
	// The whole of it may take several waits; each one has its own deadline,
	// and only the TCP handshake needs one here.
	dialCtx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	nc, err := cfg.Dial(dialCtx, "tcp", cfg.address())
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("connect to %s: %w: %w", cfg.address(), ErrUnreachable, timeoutError(err))
	}
	wire := &idleConn{Conn: nc, timeout: cfg.Timeout}
	c := &Conn{
		id: id, cfg: cfg, srv: srv, wire: wire, control: wire, created: start, lastUse: start,
		br: bufio.NewReaderSize(wire, maxReplyLine),
	}
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok && !cfg.Proxied {
		c.peer, _ = netip.AddrFromSlice(tcp.IP)
		c.peer = c.peer.Unmap().WithZone(tcp.Zone)
	}
	cfg.Trace.note(id, "control connection to %s opened", nc.RemoteAddr())

	defer c.interruptOn(ctx)()
	if cfg.TLS == TLSImplicit {
		err = c.protectControl(ctx)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	if srv.facts().known && c.mayQueue() && cfg.Account == "" {
		err = c.loginAgain(ctx)
	} else {
		err = c.loginFirst(ctx)
	}
	if err != nil {
		_ = c.fail(err)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	c.noteSecurity()
	srv.learn(func(s *server) { s.loginTime = time.Since(start) })
	return c, nil
}

// loginFirst logs in step by step and learns what the server is.
func (c *Conn) loginFirst(ctx context.Context) error {
	greeting, err := c.greeting()
	if err != nil {
		return err
	}
	kind := recognise(greeting.text())
	c.srv.learn(func(s *server) {
		if !s.known {
			s.software, s.queue = kind, kind.queueing()
		}
	})
	if c.asksForTLS() {
		if err := c.send(command{"AUTH", "TLS"}); err != nil {
			return err
		}
		protected, err := c.auth(ctx)
		if err != nil {
			return err
		}
		if !protected {
			c.srv.learn(func(s *server) { s.noTLS = true })
		}
	}
	// Whoever was greeted as logged in before TLS is not so behind it.
	if greeting.code != codeLoggedIn || c.session != nil && c.cfg.TLS != TLSImplicit {
		if err := c.authenticate(ctx); err != nil {
			return err
		}
	}
	return c.prepareSession(ctx)
}

// greeting reads the server's first reply. 120 announces a wait, RFC 959
// section 5.4; the real greeting follows it.
func (c *Conn) greeting() (reply, error) {
	for range 8 {
		r, err := c.receive("greeting")
		if err != nil {
			return r, err
		}
		switch {
		case r.code == codeServiceSoon:
			continue
		case r.class() == 2:
			return r, nil
		case r.class() >= 4:
			e := newError("greeting", "", r)
			e.Kind = ErrUnreachable
			return r, e
		}
		return r, &ProtocolError{Op: "greeting", Detail: fmt.Sprintf("%d %s", r.code, clip(r.text(), 80))}
	}
	return reply{}, &ProtocolError{Op: "greeting", Detail: "120 without end"}
}

// authenticate sends USER, PASS and ACCT, as far as the server asks for them.
func (c *Conn) authenticate(ctx context.Context) error {
	r, err := c.do(ctx, "USER", c.cfg.User)
	if err == nil && r.code == codeNeedPassword {
		r, err = c.do(ctx, "PASS", c.cfg.Password)
	}
	if err == nil && r.code == codeNeedAccount {
		if c.cfg.Account == "" {
			return fmt.Errorf("%w: the server asks for an account: %s", ErrLogin, Printable(r.text()))
		}
		r, err = c.do(ctx, "ACCT", c.cfg.Account)
	}
	if err != nil {
		return loginError(err)
	}
	// 202: superfluous, the user is logged in already.
	if r.code != codeLoggedIn && r.code != codeSuperfluous && r.class() != 2 {
		return fmt.Errorf("%w: server said: %d %s", ErrLogin, r.code, Printable(r.text()))
	}
	return nil
}

// loginError tells a refused login from a server that has no room at present.
func loginError(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	e.Path = "" // it is the password
	if e.Code != codeNotAvailable {
		e.Kind = ErrLogin
	}
	if tooMany(e) {
		e.Kind = ErrUnreachable
	}
	return err
}

// tooMany says that a refusal is about the number of connections: a 421, or
// a 530 whose text says so (ProFTPD: "530 Sorry, the maximum number of clients
// (2) from your host are already connected.").
func tooMany(e *Error) bool {
	if e.Code == codeNotAvailable {
		return true
	}
	if e.Code != codeNotLoggedIn && e.Code != codeSecurityResource && e.Code != codeNoData {
		return false
	}
	text := strings.ToLower(e.Msg)
	for _, s := range []string{"too many", "maximum number", "max number", "connection limit", "maximum connection",
		"maximum login", "already connected", "limit of", "more than", "no more connections", "user limit"} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// prepareSession asks what the server can do and sets what lasts for the
// connection: UTF-8 names and the image type.
func (c *Conn) prepareSession(ctx context.Context) error {
	probe := []command{{"FEAT", ""}, {"PWD", ""}, {"TYPE", "I"}}
	if c.session != nil {
		probe = append(probe, protectionCommands...)
	}
	// The first commands sent together are also the test whether a server
	// that is not known can be trusted with more of it. Nothing here changes
	// anything on the server.
	tested := c.srv.facts().queue == queueUnknown
	if tested {
		c.srv.learn(func(s *server) { s.queue = queueCommands })
	}
	replies, errs, err := c.batch(ctx, probe...)
	if err != nil {
		if tested {
			c.srv.learn(func(s *server) { s.queue = queueNever })
			return fmt.Errorf("%w (%w)", errQueueRefused, err)
		}
		return err
	}
	if errs[2] != nil {
		return fmt.Errorf("the server does not transfer bytes unchanged: %w", errs[2])
	}
	if c.session != nil {
		if err := c.protection(errs[4]); err != nil {
			return err
		}
	}
	feats := features{}
	if errs[0] == nil {
		feats = parseFeatures(replies[0].lines)
	}
	dir := ""
	if errs[1] == nil {
		dir, _ = parsePathname(replies[1].text())
	}
	c.cwd = dir
	c.srv.learn(func(s *server) {
		if c.session != nil && c.cfg.TLS != TLSImplicit && !s.known {
			if sure := s.software.confirmed(replies[0].lines, feats); sure != s.software {
				s.software, s.queue = sure, min(s.queue, queueCommands)
			}
		}
		s.known, s.features, s.loginDir = true, feats, dir
	})
	return c.setUTF8(ctx)
}

// errQueueRefused asks for another try: the server is now known to want one
// command at a time.
var errQueueRefused = errors.New("the server does not take commands together")

// setUTF8 asks for UTF-8 names, RFC 2640 and its draft: Pure-FTPd and
// Microsoft's server translate names unless they are asked not to. Refusals
// are no matter.
func (c *Conn) setUTF8(ctx context.Context) error {
	if c.cfg.Charset != nil || !c.srv.facts().features.has("UTF8") || c.alwaysUTF8() {
		return nil
	}
	_, err := c.do(ctx, "OPTS", "UTF8 ON")
	if c.broken != nil {
		return err
	}
	return nil
}

// alwaysUTF8 names the servers for which the command is an error or has no
// effect, so that a round trip is not spent on it.
func (c *Conn) alwaysUTF8() bool {
	switch c.srv.facts().software {
	case pureftpd, pyftpdlib, proftpd:
		return true
	}
	return false
}

// loginAgain logs in to a server that is known, in one packet sent without
// waiting for the greeting: two round trips with the TCP handshake. AUTH TLS
// goes ahead of the greeting too, and what is secret behind the handshake.
func (c *Conn) loginAgain(ctx context.Context) error {
	greeted := false
	if c.asksForTLS() {
		if err := c.send(command{"AUTH", "TLS"}); err != nil {
			return err
		}
		if _, err := c.greeting(); err != nil {
			return err
		}
		greeted = true
		if _, err := c.auth(ctx); err != nil {
			return err
		}
	}
	commands := []command{{"USER", c.cfg.User}, {"PASS", c.cfg.Password}, {"TYPE", "I"}}
	if c.session != nil {
		commands = append(commands, protectionCommands...)
	}
	if c.srv.facts().features.has("UTF8") && c.cfg.Charset == nil && !c.alwaysUTF8() {
		commands = append(commands, command{"OPTS", "UTF8 ON"})
	}
	if err := c.send(commands...); err != nil {
		return err
	}
	if !greeted {
		if _, err := c.greeting(); err != nil {
			return err
		}
	}
	user, err := c.receive("USER")
	if err != nil {
		return loginError(err)
	}
	pass, err := c.receive("PASS")
	if err != nil {
		return loginError(err)
	}
	switch {
	case pass.class() == 2:
	case user.code == codeLoggedIn && pass.class() == 5: // no password wanted
	default:
		return loginError(newError("PASS", "", pass))
	}
	if _, err := c.final("TYPE", "I"); err != nil {
		return err
	}
	if c.session != nil {
		if _, err := c.final("PBSZ", "0"); c.broken != nil {
			return err
		}
		_, err := c.final("PROT", "P")
		if err := c.protection(err); err != nil {
			return err
		}
	}
	c.srv.mu.Lock()
	c.cwd = c.srv.loginDir
	c.srv.mu.Unlock()
	if commands[len(commands)-1].verb == "OPTS" {
		if _, err := c.receive("OPTS"); err != nil {
			return err
		}
	}
	return nil
}
