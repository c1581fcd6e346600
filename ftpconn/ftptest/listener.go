package ftptest

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"time"
)

// listener hands control connections to ftpserverlib and keeps track of
// everything that the library opens, because the library itself can neither
// limit nor close it.
type listener struct {
	net.Listener
	log *Log
	tls *tls.Config // implicit TLS if not nil; set before the first Accept

	mu     sync.Mutex
	limit  int                    // guarded by mu, like all below
	closed bool                   //
	open   map[io.Closer]struct{} // control and data connections, passive listeners
	busy   sync.WaitGroup         // control connections and refusals under way
}

func newListener(l net.Listener, log *Log) *listener {
	return &listener{Listener: l, log: log, open: map[io.Closer]struct{}{}}
}

func (l *listener) setLimit(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = n
}

// Accept returns the next control connection within the limit.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		limit := l.limit
		l.mu.Unlock()
		if _, ok := l.log.admit(limit); !ok {
			l.refuse(conn)
			continue
		}
		c := &controlConn{turnConn: &turnConn{Conn: conn, log: l.log}, l: l}
		if !l.track(c) {
			l.log.leave()
			_ = conn.Close()
			return nil, net.ErrClosed
		}
		if l.tls != nil {
			return tls.Server(c, l.tls), nil
		}
		return c, nil
	}
}

// refuse tells a client 421. It reads what the client may have sent already,
// because closing with unread bytes would make the kernel send a reset, which
// can overtake the reply.
func (l *listener) refuse(conn net.Conn) {
	l.busy.Add(1)
	go func() {
		defer l.busy.Done()
		lingerClose(conn, "421 There are too many connections from your internet address.\r\n")
	}()
}

// lingerClose says text, ends the connection and waits a moment for the client
// to have seen it.
func lingerClose(conn net.Conn, text string) {
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(conn, text)
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
}

// track remembers c until forget, unless all is closed already.
func (l *listener) track(c io.Closer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	if _, ok := c.(*controlConn); ok {
		l.busy.Add(1)
	}
	l.open[c] = struct{}{}
	return true
}

// forget reports whether c was still tracked.
func (l *listener) forget(c io.Closer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.open[c]
	delete(l.open, c)
	return ok
}

// closeConnections cuts what is open: the control connections first, because a
// server that dies says nothing about the transfers that die with it. The
// library notices by an I/O error and closes its side, which is what forgets a
// control connection.
func (l *listener) closeConnections() {
	var control, data []io.Closer
	l.mu.Lock()
	for c := range l.open {
		if c, ok := c.(*controlConn); ok {
			control = append(control, c.Conn)
			continue
		}
		data = append(data, c)
	}
	l.mu.Unlock()
	for _, c := range append(control, data...) {
		_ = c.Close()
	}
}

// shutdown stops accepting and cuts everything.
func (l *listener) shutdown() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	_ = l.Close()
	l.closeConnections()
}

// wait returns when the library has let go of every control connection.
func (l *listener) wait() { l.busy.Wait() }

// controlConn is a control connection of the library.
type controlConn struct {
	*turnConn
	l *listener
}

func (c *controlConn) Close() error {
	err := c.Conn.Close()
	if c.l.forget(c) {
		c.l.log.leave()
		c.l.busy.Done()
	}
	return err
}

// passive wraps the listener of one PASV or EPSV.
func (l *listener) passive(data net.Listener) net.Listener {
	p := &passiveListener{Listener: data, l: l}
	if !l.track(p) {
		_ = data.Close()
	}
	return p
}

// passiveListener accepts data connections. The library listens on every
// address of the machine, so strangers are turned away here.
type passiveListener struct {
	net.Listener
	l *listener
}

func (p *passiveListener) Accept() (net.Conn, error) {
	// The library takes one connection from it and closes the TCP listener
	// below this one, so this is the last chance to forget it.
	defer p.l.forget(p)
	for {
		conn, err := p.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := conn.(*net.TCPConn)
		if addr, isTCP := conn.RemoteAddr().(*net.TCPAddr); !ok || !isTCP || !addr.IP.IsLoopback() {
			_ = conn.Close()
			continue
		}
		d := &dataConn{TCPConn: tcp, l: p.l}
		if !p.l.track(d) {
			_ = conn.Close()
			return nil, net.ErrClosed
		}
		return d, nil
	}
}

// dataConn keeps the fast paths of the TCP connection that it embeds.
type dataConn struct {
	*net.TCPConn
	l *listener
}

func (d *dataConn) Close() error {
	d.l.forget(d)
	return d.TCPConn.Close()
}
