package ftptest

import (
	"net"
	"sync"
)

// turnConn is a control connection, seen from the server, that counts the
// client's bursts: data that comes after something was written to the client
// begins a new one.
type turnConn struct {
	net.Conn
	log *Log

	mu       sync.Mutex
	answered bool // guarded by mu: something was written since the last read
}

func (c *turnConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	turn := n > 0 && c.answered
	if turn {
		c.answered = false
	}
	c.mu.Unlock()
	if turn {
		c.log.turn()
	}
	return n, err
}

func (c *turnConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.answered = true
	c.mu.Unlock()
	return c.Conn.Write(p)
}
