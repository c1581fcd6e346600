package ftptest

import (
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is a control connection typed by hand.
type client struct {
	*textproto.Conn
	t   *testing.T
	raw net.Conn
}

const patience = 20 * time.Second

func dial(t *testing.T, addr string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &client{Conn: textproto.NewConn(conn), t: t, raw: conn}
}

// login connects and logs in as anonymous, in binary type.
func login(t *testing.T, addr string) *client {
	t.Helper()
	c := dial(t, addr)
	c.reply(220)
	c.cmd(331, "USER anonymous")
	c.cmd(230, "PASS guest@")
	c.cmd(200, "TYPE I")
	return c
}

// reply reads a reply and checks its code; 0 takes any.
func (c *client) reply(code int) string {
	c.t.Helper()
	got, text, err := c.ReadResponse(code)
	if code == 0 && got != 0 {
		return fmt.Sprintf("%d %s", got, text)
	}
	if err != nil {
		c.t.Fatalf("reply = %d %q, %v, want %d", got, text, err, code)
	}
	return text
}

func (c *client) send(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.raw, line+"\r\n"); err != nil {
		c.t.Fatalf("%s: %v", line, err)
	}
}

func (c *client) cmd(code int, line string) string {
	c.t.Helper()
	c.send(line)
	return c.reply(code)
}

// gone checks that the server has closed the connection.
func (c *client) gone() {
	c.t.Helper()
	if line, err := c.ReadLine(); err == nil {
		c.t.Fatalf("got %q, want the end of the connection", line)
	} else if n, ok := err.(net.Error); ok && n.Timeout() {
		c.t.Fatal("the connection stayed open")
	}
}

// data opens a data connection by EPSV.
func (c *client) data() net.Conn {
	c.t.Helper()
	text := c.cmd(229, "EPSV")
	_, port, _ := strings.Cut(text, "(|||")
	port, _, _ = strings.Cut(port, "|")
	host, _, _ := net.SplitHostPort(c.raw.RemoteAddr().String())
	return c.connect(net.JoinHostPort(host, port))
}

// pasv opens a data connection by PASV.
func (c *client) pasv() net.Conn {
	c.t.Helper()
	return c.connect(parse227(c.t, c.cmd(227, "PASV")))
}

func parse227(t *testing.T, text string) string {
	t.Helper()
	var h [4]int
	var p [2]int
	_, numbers, _ := strings.Cut(text, "(")
	if _, err := fmt.Sscanf(numbers, "%d,%d,%d,%d,%d,%d", &h[0], &h[1], &h[2], &h[3], &p[0], &p[1]); err != nil {
		t.Fatalf("227 %s: %v", text, err)
	}
	return fmt.Sprintf("%d.%d.%d.%d:%d", h[0], h[1], h[2], h[3], p[0]<<8|p[1])
}

func (c *client) connect(addr string) net.Conn {
	c.t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// get runs a transfer to its end and returns the data.
func (c *client) get(line string) string {
	c.t.Helper()
	return c.getOver(c.data(), line)
}

func (c *client) getOver(d net.Conn, line string) string {
	c.t.Helper()
	c.cmd(1, line)
	data, err := io.ReadAll(d)
	if err != nil {
		c.t.Fatalf("%s: %v after %d bytes", line, err, len(data))
	}
	_ = d.Close()
	c.reply(2)
	return string(data)
}

// put stores data and returns the final reply.
func (c *client) put(line, data string) {
	c.t.Helper()
	d := c.data()
	c.cmd(1, line)
	if _, err := io.WriteString(d, data); err != nil {
		c.t.Fatal(err)
	}
	_ = d.Close()
	c.reply(2)
}

// eventually waits for what another goroutine is about to do.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never happened: %s", what)
}
