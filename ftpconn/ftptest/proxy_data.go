package ftptest

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// channel is one data connection through a Proxy, from the reply that names
// its port on.
type channel struct {
	s      *proxySession
	l      net.Listener // for the client
	target string
	done   chan struct{} // closed by close
	once   sync.Once

	mu     sync.Mutex
	client net.Conn // guarded by mu, like all below
	server net.Conn
	closed bool
	verb   string // of the command that it serves; "" before that is sent
	fault  *Fault
	drip   time.Duration
	passed int64
	ended  int // directions that came to their end
}

// movesData says whether a command uses the data connection.
func movesData(verb string) bool {
	switch verb {
	case "RETR", "LIST", "NLST", "MLSD":
		return true
	}
	return uploads(verb)
}

func uploads(verb string) bool { return verb == "STOR" || verb == "APPE" || verb == "STOU" }

// openChannel listens for the client's data connection.
func (s *proxySession) openChannel(target string) (port int, err error) {
	host, _, err := net.SplitHostPort(s.client.LocalAddr().String())
	if err != nil {
		return 0, err
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, err
	}
	c := &channel{s: s, l: l, target: target, done: make(chan struct{})}
	s.mu.Lock()
	old := s.channel
	s.channel = c
	s.channels[c] = struct{}{}
	s.mu.Unlock()
	if old != nil {
		_ = old.l.Close() // the server, too, waits at the new port only
	}
	s.p.mu.Lock()
	if !s.p.closed {
		s.p.running.Go(c.run)
	} else {
		_ = l.Close()
	}
	s.p.mu.Unlock()
	select {
	case <-s.done: // cut may have looked before
		c.close(false)
	default:
	}
	return l.Addr().(*net.TCPAddr).Port, nil
}

// armChannel tells the data connection which command it serves.
func (s *proxySession) armChannel(verb string, f *Fault) {
	s.mu.Lock()
	c := s.channel
	s.mu.Unlock()
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verb, c.fault, c.passed = verb, nil, 0
	if f != nil && f.At == AtData {
		c.fault = f
	}
}

func (c *channel) run() {
	defer func() {
		c.close(false)
		c.s.mu.Lock()
		delete(c.s.channels, c)
		c.s.mu.Unlock()
	}()
	client, err := c.l.Accept()
	_ = c.l.Close()
	if err != nil {
		return
	}
	server, err := net.Dial("tcp", c.target)
	if err != nil {
		closeConn(client, true)
		return
	}
	c.mu.Lock()
	c.client, c.server = client, server
	closed := c.closed
	c.mu.Unlock()
	if closed {
		closeConn(client, false)
		closeConn(server, false)
		return
	}
	var up sync.WaitGroup
	up.Go(func() { c.pump(client, server, true) })
	c.pump(server, client, false)
	up.Wait()
}

// close ends both connections.
func (c *channel) close(reset bool) {
	c.once.Do(func() { close(c.done) })
	c.mu.Lock()
	client, server := c.client, c.server
	c.closed = true
	c.mu.Unlock()
	_ = c.l.Close()
	if client != nil {
		closeConn(client, reset)
		closeConn(server, reset)
	}
}

// pump moves bytes in one direction.
func (c *channel) pump(from, to net.Conn, fromClient bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		c.s.p.thawed(c.done)
		if n > 0 && !c.pass(to, buf[:n]) {
			return
		}
		if errors.Is(err, io.EOF) {
			c.end(to, fromClient)
			return
		}
		if err != nil {
			c.close(true)
			return
		}
	}
}

// end passes on that one side has ended its direction.
func (c *channel) end(to net.Conn, fromClient bool) {
	c.mu.Lock()
	c.ended++
	both := c.ended == 2
	// A client that receives does not end its own direction: it is gone.
	gone := fromClient && !uploads(c.verb)
	c.mu.Unlock()
	if both || gone {
		c.close(false)
		return
	}
	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

// pass writes bytes, up to where the fault of the transfer strikes. It reports
// whether the direction goes on.
func (c *channel) pass(to net.Conn, b []byte) bool {
	for {
		c.mu.Lock()
		f, drip, passed := c.fault, c.drip, c.passed
		c.mu.Unlock()
		room := len(b)
		if f != nil {
			room = int(min(int64(room), f.Bytes-passed))
		}
		if !c.write(to, b[:room], drip) {
			return false
		}
		b = b[room:]
		if f != nil && passed+int64(room) >= f.Bytes {
			if !c.strike(f) {
				return false
			}
			continue
		}
		return true
	}
}

func (c *channel) write(to net.Conn, b []byte, drip time.Duration) bool {
	for len(b) > 0 {
		piece := b
		if drip > 0 {
			piece = b[:1]
			if !c.wait(drip) {
				return false
			}
		}
		n, err := to.Write(piece)
		c.mu.Lock()
		c.passed += int64(n)
		c.mu.Unlock()
		if err != nil {
			c.close(true)
			return false
		}
		b = b[n:]
	}
	return true
}

// strike makes the fault of the transfer strike. It reports whether bytes go on
// passing.
func (c *channel) strike(f *Fault) bool {
	c.mu.Lock()
	c.fault = nil
	c.mu.Unlock()
	c.s.p.strikes(f)
	switch f.Do {
	case Cut:
		c.s.cut(f.Reset)
		return false
	case CutData:
		c.close(f.Reset)
		return false
	case Stall:
		<-c.done
		return false
	case Delay:
		return c.wait(f.For)
	case Drip:
		c.mu.Lock()
		c.drip = f.For
		c.mu.Unlock()
	}
	return true
}

func (c *channel) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.done:
		return false
	}
}
