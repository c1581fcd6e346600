package ftptest

import (
	"errors"
	"io"
	"net"
	"strings"
	"time"
)

var errNoData = errors.New("no PASV or PORT before")

// listen opens a passive listener beside the control connection's address and
// returns its port, 0 if it could not.
func (c *Session) listen() int {
	host, _, err := net.SplitHostPort(c.conn.LocalAddr().String())
	if err != nil {
		return 0
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0
	}
	c.closeData()
	c.mu.Lock()
	c.passive = l
	c.mu.Unlock()
	if c.cut.Load() {
		// Close may have looked before the listener was there.
		c.closeData()
	}
	return l.Addr().(*net.TCPAddr).Port
}

// Open returns the data connection that the client has prepared.
func (c *Session) Open() (net.Conn, error) {
	c.mu.Lock()
	l, addr := c.passive, c.active
	c.mu.Unlock()

	var conn net.Conn
	var err error
	switch {
	case l != nil:
		_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(dataTimeout))
		conn, err = l.Accept()
	case addr != "":
		conn, err = net.DialTimeout("tcp", addr, dataTimeout)
	default:
		err = errNoData
	}
	c.closeData()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.data = conn
	c.mu.Unlock()
	if c.cut.Load() {
		c.closeData()
	}
	return conn, nil
}

// closeData closes whatever there is for data.
func (c *Session) closeData() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.passive != nil {
		_ = c.passive.Close()
	}
	if c.data != nil {
		_ = c.data.Close()
	}
	c.passive, c.active, c.data = nil, "", nil
}

// closeTransfer ends the transfer under way, as ABOR does.
func (c *Session) closeTransfer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.data != nil {
		_ = c.data.Close()
	}
}

// Send is a whole transfer to the client: opening reply, data, final reply,
// each as the plan for the verb wants it.
func (c *Session) Send(data []byte) {
	p := c.plan(c.verb)
	rest := c.Rest
	c.Rest = 0
	if !p.IgnoreRest && rest > 0 {
		data = data[min(rest, int64(len(data))):]
	}
	conn := c.begin(p)
	if conn == nil {
		return
	}
	err := c.deliver(conn, append(data[:len(data):len(data)], p.Extra...), p)
	c.finish(conn, p, err)
}

// Receive is a whole transfer from the client. It hands what arrived to store
// before the final reply.
func (c *Session) Receive(store func([]byte) error) {
	p := c.plan(c.verb)
	conn := c.begin(p)
	if conn == nil {
		return
	}
	from := io.Reader(conn)
	switch {
	case p.CutAtOnce:
		from = strings.NewReader("")
	case p.Limit > 0:
		from = io.LimitReader(conn, p.Limit)
	case p.Stall > 0:
		from = io.LimitReader(conn, p.Stall)
	}
	data, err := io.ReadAll(from)
	if p.Stall > 0 {
		<-c.done
	}
	if err == nil {
		err = store(data)
	}
	c.finish(conn, p, err)
}

// begin sends the opening reply and returns the data connection, or nil after
// a negative reply.
func (c *Session) begin(p Plan) net.Conn {
	start := func() {
		switch {
		case p.NoStart:
		case p.Start != "":
			c.Raw(p.Start)
		default:
			c.Reply(150, "Here it comes.")
		}
	}
	if p.Early {
		start()
	}
	conn, err := c.Open()
	if err != nil {
		c.Reply(425, "No data connection: "+err.Error())
		return nil
	}
	if !p.Early {
		start()
	}
	return conn
}

// deliver writes data as the plan wants it; it leaves the connection open.
func (c *Session) deliver(conn net.Conn, data []byte, p Plan) error {
	if p.CutAtOnce {
		return nil
	}
	for _, limit := range []int64{p.Limit, p.Stall} {
		if limit > 0 && limit < int64(len(data)) {
			data = data[:limit]
		}
	}
	if _, err := conn.Write(data); err != nil {
		return err
	}
	if p.Stall > 0 {
		<-c.done
	}
	return nil
}

// finish ends the data connection and says how it went.
func (c *Session) finish(conn net.Conn, p Plan, err error) {
	if tcp, ok := conn.(*net.TCPConn); ok && p.Reset {
		_ = tcp.SetLinger(0)
	}
	c.closeData()
	if p.Delay > 0 {
		select {
		case <-time.After(p.Delay):
		case <-c.done:
		}
	}
	switch {
	case err != nil:
		c.Reply(426, "Transfer ended early: "+err.Error())
	case p.HangUp:
		c.Close()
	case p.NoFinal:
	case p.Final != "":
		c.Raw(p.Final)
	default:
		c.Reply(226, "Transfer complete.")
	}
}
