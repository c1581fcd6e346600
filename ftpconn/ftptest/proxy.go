package ftptest

import (
	"net"
	"net/url"
	"sync"
)

// Proxy sits between clients and a server, one of this package or any other
// one, and makes go wrong what Fault describes. It follows PASV and EPSV, so
// that passive data connections pass through it as well; those of active mode
// do not, and of a conversation over TLS it sees nothing.
//
// The Log has the commands as the clients sent them, whether the server got
// them or not.
type Proxy struct {
	Addr string // host:port of the control connection
	Host string
	Port int

	*Log

	target  string
	running sync.WaitGroup // accept loop, sessions, data connections
	close   sync.Once

	mu       sync.Mutex
	listener net.Listener // guarded by mu, like all below; nil while down
	faults   []*armed
	struck   int
	sessions map[*proxySession]struct{}
	frozen   chan struct{} // closed by Thaw; nil: things pass
	closed   bool
}

// NewProxy starts a proxy for the server at an address, host:port. It is
// closed at the end of the test.
func NewProxy(t TB, target string) *Proxy {
	t.Helper()
	p, err := StartProxy(target)
	if err != nil {
		t.Fatalf("ftptest: %v", err)
	}
	t.Cleanup(p.Close)
	return p
}

// StartProxy starts a proxy. The caller closes it.
func StartProxy(target string) (*Proxy, error) {
	p := &Proxy{Log: new(Log), target: target, sessions: map[*proxySession]struct{}{}, Addr: "127.0.0.1:0"}
	if err := p.Up(); err != nil {
		return nil, err
	}
	return p, nil
}

// URL returns the URL of the server, as it is to be used through the proxy.
func (p *Proxy) URL(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		return server
	}
	u.Host = p.Addr
	return u.String()
}

// Down makes the server look switched off: all connections are cut, new ones
// are refused.
func (p *Proxy) Down() {
	p.mu.Lock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	p.mu.Unlock()
	p.CloseConnections()
}

// Up is the end of Down. The address stays the same.
func (p *Proxy) Up() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil || p.closed {
		return nil
	}
	l, err := net.Listen("tcp", p.Addr)
	if err != nil {
		return err
	}
	tcp := l.Addr().(*net.TCPAddr)
	p.Addr, p.Host, p.Port = tcp.String(), tcp.IP.String(), tcp.Port
	p.listener = l
	p.running.Go(func() { p.accept(l) })
	return nil
}

// Freeze makes the line go dead: nothing passes, nothing is closed, and nobody
// answers who connects. What was held back passes after Thaw.
func (p *Proxy) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.frozen == nil && !p.closed {
		p.frozen = make(chan struct{})
	}
}

// Thaw is the end of Freeze.
func (p *Proxy) Thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.frozen != nil {
		close(p.frozen)
		p.frozen = nil
	}
}

// thawed waits while the line is dead, at most until done is closed.
func (p *Proxy) thawed(done <-chan struct{}) {
	p.mu.Lock()
	frozen := p.frozen
	p.mu.Unlock()
	if frozen == nil {
		return
	}
	select {
	case <-frozen:
	case <-done:
	}
}

// CloseConnections cuts all control and data connections.
func (p *Proxy) CloseConnections() {
	p.mu.Lock()
	all := make([]*proxySession, 0, len(p.sessions))
	for s := range p.sessions {
		all = append(all, s)
	}
	p.mu.Unlock()
	for _, s := range all {
		s.cut(false)
	}
}

// Close ends the proxy and waits until nothing of it runs.
func (p *Proxy) Close() {
	p.close.Do(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.Thaw()
		p.Down()
		p.running.Wait()
	})
}

func (p *Proxy) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		// Down may have come in between.
		if p.listener != l {
			p.mu.Unlock()
			_ = client.Close()
			return
		}
		number, _ := p.admit(0)
		s := &proxySession{
			p: p, number: number, client: client, done: make(chan struct{}),
			expect: []*expected{{verb: Greeting, fault: p.meetLocked(Greeting)}}, channels: map[*channel]struct{}{},
		}
		p.sessions[s] = struct{}{}
		p.running.Go(s.run)
		p.mu.Unlock()
	}
}
