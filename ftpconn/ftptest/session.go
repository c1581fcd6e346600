package ftptest

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
)

// Session is one client of a Script, as its handlers see it. The exported
// fields and the methods without a remark belong to the handlers; Raw, Reply,
// Close and Done may be used from anywhere.
type Session struct {
	*Script
	Number int    // of the control connection
	Dir    string // working directory, absolute
	Binary bool   // TYPE I was given
	Rest   int64  // offset of the last REST, until the next transfer

	conn  net.Conn
	done  chan struct{}
	ended sync.Once
	cut   atomic.Bool // by Close, as opposed to a client that left
	lines chan string // what the client sent, read ahead so that ABOR is seen

	verb     string // of the command being answered
	user     string
	loggedIn bool
	from     string      // RNFR
	copyFrom *node       // SITE CPFR
	mute     atomic.Bool // nothing is said any more

	write sync.Mutex // held while a reply is written

	mu      sync.Mutex
	passive net.Listener // guarded by mu, like all below; waiting for data
	active  string       // host:port to connect to
	data    net.Conn     // transfer under way
}

// Done is closed when the control connection is closed by either side.
func (c *Session) Done() <-chan struct{} { return c.done }

// Close cuts the control connection and what belongs to it.
func (c *Session) Close() {
	c.cut.Store(true)
	c.ended.Do(func() { close(c.done) })
	_ = c.conn.Close()
	c.closeData()
}

// Raw sends bytes as they are.
func (c *Session) Raw(raw string) {
	if raw == "" || c.mute.Load() {
		return
	}
	n := c.config().split
	c.write.Lock()
	defer c.write.Unlock()
	for len(raw) > 0 {
		piece := raw
		if n > 0 {
			piece = raw[:min(n, len(raw))]
		}
		// A client that is gone is noticed by the reading side.
		if _, err := io.WriteString(c.conn, piece); err != nil {
			return
		}
		raw = raw[len(piece):]
	}
}

// Reply sends a reply; a text of several lines, separated by "\n", becomes a
// multi-line reply.
func (c *Session) Reply(code int, text string) {
	c.Raw(c.ends(reply(code, text)))
}

// Default does what the server does for a verb by itself.
func (c *Session) Default(verb, arg string) {
	c.verb = verb
	if h, ok := builtin[verb]; ok {
		h(c, arg)
		return
	}
	c.Reply(500, "Unknown command.")
}

// Path returns the absolute path that an argument means.
func (c *Session) Path(arg string) string {
	if strings.HasPrefix(arg, "/") {
		return abs(arg)
	}
	return abs(c.Dir + "/" + arg)
}

// ends puts the configured line ends into text.
func (c *Session) ends(text string) string {
	if end := c.config().lineEnd; end != "" {
		return strings.ReplaceAll(text, "\r\n", end)
	}
	return text
}

func (c *Session) serve() {
	defer c.running.Done()
	defer c.leave()
	defer func() {
		c.Script.mu.Lock()
		delete(c.sessions, c)
		c.Script.mu.Unlock()
	}()
	var reader sync.WaitGroup
	reader.Add(1)
	go func() {
		defer reader.Done()
		c.read()
	}()
	defer reader.Wait()
	defer c.Close()

	if c.cut.Load() {
		return
	}
	c.Raw(c.config().greeting)
	for line := range c.lines {
		cmd := c.record(c.Number, line)
		c.verb = cmd.Verb
		c.handler(cmd.Verb)(c, cmd.Arg)
		if c.cut.Load() {
			return
		}
	}
}

// read takes the client's lines. It runs ahead of the answers, because an ABOR
// must end a transfer that keeps the answering goroutine busy.
func (c *Session) read() {
	defer close(c.lines)
	r := bufio.NewReader(c.conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			c.ended.Do(func() { close(c.done) })
			c.closeData()
			return
		}
		if c.config().telnet {
			line = strings.ReplaceAll(line, "\xff\xff", "\xff")
		}
		line = strings.TrimRight(line, "\r\n")
		if parseCommand(0, line).Verb == "ABOR" {
			c.closeTransfer()
		}
		select {
		case c.lines <- line:
		case <-c.done: // cut
			return
		}
	}
}
