package ftptest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// proxySession is one control connection through a Proxy.
type proxySession struct {
	p      *Proxy
	number int
	client net.Conn
	done   chan struct{} // closed by cut
	once   sync.Once

	write sync.Mutex // held while the client is written to

	mu       sync.Mutex
	server   net.Conn // guarded by mu, like all below; nil before it is connected
	expect   []*expected
	channel  *channel // that of the last PASV or EPSV
	channels map[*channel]struct{}
}

// expected is a reply that is to come.
type expected struct {
	verb   string
	fault  *Fault
	answer string // what the client gets at its turn, since the server was not asked
}

func (s *proxySession) run() {
	defer func() {
		s.cut(false)
		s.p.leave()
		s.p.mu.Lock()
		delete(s.p.sessions, s)
		s.p.mu.Unlock()
	}()
	s.p.thawed(s.done)
	server, err := net.Dial("tcp", s.p.target)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.server = server
	s.mu.Unlock()
	select {
	case <-s.done: // cut may have looked before
		_ = server.Close()
		return
	default:
	}
	var replies sync.WaitGroup
	replies.Go(func() { s.replies(server) })
	s.commands(server)
	// The client has left. What the server still says is for nobody.
	_ = server.Close()
	replies.Wait()
}

// cut ends both control connections and the data connections.
func (s *proxySession) cut(reset bool) {
	s.once.Do(func() { close(s.done) })
	s.mu.Lock()
	server := s.server
	channels := make([]*channel, 0, len(s.channels))
	for c := range s.channels {
		channels = append(channels, c)
	}
	s.mu.Unlock()
	closeConn(s.client, reset)
	if server != nil {
		closeConn(server, reset)
	}
	for _, c := range channels {
		c.close(reset)
	}
}

func closeConn(c net.Conn, reset bool) {
	if tcp, ok := c.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// wait is a pause that ends with the session.
func (s *proxySession) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.done:
	}
}

// commands passes on what the client sends. Lines that came together go on
// together: for some servers that makes a difference.
func (s *proxySession) commands(server net.Conn) {
	r := bufio.NewReaderSize(s.client, 64<<10)
	var packet bytes.Buffer
	flush := func() bool {
		_, err := server.Write(packet.Bytes())
		packet.Reset()
		return err == nil
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		s.p.thawed(s.done)
		cmd := s.p.record(s.number, line)
		f := s.p.meet(cmd.Verb)
		if movesData(cmd.Verb) {
			s.armChannel(cmd.Verb, f)
		}
		if f != nil && f.At == AtCommand {
			if !flush() {
				return
			}
			if pass, on := s.strikeCommand(cmd.Verb, f); !on {
				return
			} else if !pass {
				continue
			}
		}
		s.mu.Lock()
		s.expect = append(s.expect, &expected{verb: cmd.Verb, fault: f})
		s.mu.Unlock()
		packet.WriteString(line)
		if more, _ := r.Peek(r.Buffered()); bytes.IndexByte(more, '\n') < 0 && !flush() {
			return
		}
	}
}

// strikeCommand makes a fault strike before the command reaches the server:
// pass says whether it still does, on whether the session goes on.
func (s *proxySession) strikeCommand(verb string, f *Fault) (pass, on bool) {
	s.p.strikes(f)
	switch f.Do {
	case Cut:
		s.cut(f.Reset)
		return false, false
	case Stall:
		<-s.done
		return false, false
	case Lose:
		return false, true
	case Delay:
		s.wait(f.For)
	case Answer:
		s.mu.Lock()
		s.expect = append(s.expect, &expected{verb: verb, answer: f.Reply})
		s.mu.Unlock()
		return false, s.answers()
	}
	return true, true
}

// answers gives the client the answers that the server was not asked for, once
// all replies before them have come. It reports whether the session goes on.
func (s *proxySession) answers() bool {
	s.write.Lock()
	defer s.write.Unlock()
	for {
		s.mu.Lock()
		if len(s.expect) == 0 || s.expect[0].answer == "" {
			s.mu.Unlock()
			return true
		}
		answer := s.expect[0].answer
		s.expect = s.expect[1:]
		s.mu.Unlock()
		_, _ = io.WriteString(s.client, answer)
		if strings.HasPrefix(answer, "421") {
			s.cut(false)
			return false
		}
	}
}

// replies passes on what the server says.
func (s *proxySession) replies(server net.Conn) {
	r := bufio.NewReaderSize(server, 64<<10)
	for {
		code, raw, err := readRaw(r)
		s.p.thawed(s.done)
		if err != nil {
			s.say(raw)
			if tcp, ok := s.client.(*net.TCPConn); ok {
				// The client gets to read the last words before it leaves.
				_ = tcp.CloseWrite()
			}
			return
		}
		f := s.faultOf(code)
		if code == 227 || code == 229 {
			raw = s.redirect(code, raw)
		}
		if f != nil {
			var on bool
			if raw, on = s.strikeReply(f, raw); !on {
				return
			}
		}
		s.say(raw)
		if strings.HasPrefix(raw, "421") && f != nil && f.Do == Answer {
			s.cut(false)
			return
		}
		if !s.answers() {
			return
		}
	}
}

func (s *proxySession) say(raw string) {
	s.write.Lock()
	defer s.write.Unlock()
	// A client that is gone is noticed by the reading side.
	_, _ = io.WriteString(s.client, raw)
}

// faultOf finds the fault that strikes at a reply, and takes the reply from
// those that are expected.
func (s *proxySession) faultOf(code int) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.expect) == 0 {
		return nil // nobody asked: 421, most likely
	}
	f, at := s.expect[0].fault, AtStart
	if code/100 != 1 {
		s.expect, at = s.expect[1:], AtFinal
	}
	if f == nil || f.At != at {
		return nil
	}
	return f
}

// strikeReply makes a fault strike at a reply and returns what is left of it.
func (s *proxySession) strikeReply(f *Fault, raw string) (left string, on bool) {
	s.p.strikes(f)
	switch f.Do {
	case Cut:
		s.cut(f.Reset)
		return "", false
	case Stall:
		<-s.done
		return "", false
	case Lose:
		return "", true
	case Answer:
		return f.Reply, true
	case Delay:
		s.wait(f.For)
	}
	return raw, true
}

// readRaw reads a whole reply, as it is.
func readRaw(r *bufio.Reader) (code int, raw string, err error) {
	var b strings.Builder
	end := ""
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil {
			return 0, b.String(), err
		}
		if end == "" {
			if len(line) < 4 {
				continue
			}
			code, err = strconv.Atoi(line[:3])
			if err != nil {
				continue // no reply; the client may see what it makes of it
			}
			if line[3] != '-' {
				return code, b.String(), nil
			}
			end = line[:3] + " "
			continue
		}
		if strings.HasPrefix(line, end) {
			return code, b.String(), nil
		}
	}
}

// redirect opens a port for the one that the server names, and puts it into
// the reply.
func (s *proxySession) redirect(code int, raw string) string {
	host, _, err := net.SplitHostPort(s.p.target)
	if err != nil {
		return raw
	}
	port := passivePort(code, raw)
	if port == 0 {
		return raw
	}
	own, err := s.openChannel(net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return fmt.Sprintf("425 The proxy: %v.\r\n", err)
	}
	if code == 229 {
		return fmt.Sprintf("229 Entering Extended Passive Mode (|||%d|)\r\n", own)
	}
	ip := strings.ReplaceAll(s.p.Host, ".", ",")
	return fmt.Sprintf("227 Entering Passive Mode (%s,%d,%d).\r\n", ip, own>>8, own&0xff)
}

// passivePort finds the port in a 227 or 229 reply; 0 if there is none.
func passivePort(code int, raw string) int {
	_, text, ok := strings.Cut(raw, "(")
	if !ok {
		return 0
	}
	text, _, _ = strings.Cut(text, ")")
	if code == 229 {
		port, err := strconv.Atoi(strings.Trim(text, "|"))
		if err != nil {
			return 0
		}
		return port
	}
	numbers := strings.Split(text, ",")
	if len(numbers) != 6 {
		return 0
	}
	high, err1 := strconv.Atoi(strings.TrimSpace(numbers[4]))
	low, err2 := strconv.Atoi(strings.TrimSpace(numbers[5]))
	if err1 != nil || err2 != nil {
		return 0
	}
	return high<<8 | low
}
