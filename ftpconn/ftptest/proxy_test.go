package ftptest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// proxied returns a server with a file of 100,000 bytes, and a proxy before it.
func proxied(t *testing.T) (*Server, *Proxy, string) {
	s := NewServer(t)
	text := strings.Repeat("0123456789", 10_000)
	s.WriteFile("/f", []byte(text), noon)
	return s, NewProxy(t, s.Addr), text
}

func TestProxyPassesEverything(t *testing.T) {
	s, p, text := proxied(t)
	c := login(t, p.Addr)
	if got := c.get("RETR f"); got != text {
		t.Errorf("RETR: %d bytes", len(got))
	}
	if got := c.getOver(c.pasv(), "MLSD"); !strings.Contains(got, "Size=100000") {
		t.Errorf("MLSD: %q", got)
	}
	c.put("STOR g", text)
	c.put("APPE g", "and more")
	if got, err := s.ReadFile("/g"); err != nil || string(got) != text+"and more" {
		t.Errorf("%d bytes were stored, %v", len(got), err)
	}
	if got := c.get("RETR /f"); got != text {
		t.Errorf("RETR: %d bytes", len(got))
	}
	if n := p.Count("RETR"); n != 2 || p.Struck() != 0 {
		t.Errorf("%d RETR, %d faults", n, p.Struck())
	}
	c.cmd(221, "QUIT")
	c.gone()
}

func TestProxyCutsData(t *testing.T) {
	for _, n := range []int64{0, 1, 50_000, 100_000} {
		for _, reset := range []bool{false, true} {
			s, p, text := proxied(t)
			c := login(t, p.Addr)
			p.Inject(Fault{Verb: "RETR", At: AtData, Bytes: n, Do: CutData, Reset: reset})
			d := c.data()
			c.cmd(150, "RETR f")
			got, err := io.ReadAll(d)
			if reset != errors.Is(err, syscall.ECONNRESET) || !strings.HasPrefix(text, string(got)) || !reset && int64(len(got)) != n {
				t.Errorf("cut at %d, reset %v: %d bytes, %v", n, reset, len(got), err)
			}
			c.reply(0) // 226 if the server had sent all, 426 otherwise

			p.Inject(Fault{Verb: "STOR", At: AtData, Bytes: n, Do: CutData, Reset: reset})
			d = c.data()
			c.cmd(150, "STOR g")
			_, _ = io.WriteString(d, text)
			_ = d.(*net.TCPConn).CloseWrite()
			c.reply(0)
			if got, err := s.ReadFile("/g"); !reset && (err != nil || int64(len(got)) != n) || !strings.HasPrefix(text, string(got)) {
				t.Errorf("upload cut at %d, reset %v: %d bytes, %v", n, reset, len(got), err)
			}
			if got := c.get("RETR f"); got != text || p.Struck() != 2 {
				t.Errorf("afterwards: %d bytes, %d faults", len(got), p.Struck())
			}
		}
	}
}

func TestProxyCutsControl(t *testing.T) {
	s, p, _ := proxied(t)
	for _, test := range []struct {
		at   Point
		done bool
	}{{AtCommand, false}, {AtFinal, true}} {
		c := login(t, p.Addr)
		p.Inject(Fault{Verb: "MKD", Skip: 1, At: test.at, Do: Cut})
		c.cmd(257, "MKD first")
		c.send("MKD second")
		c.gone()
		if _, err := s.Stat("/second"); (err == nil) != test.done {
			t.Errorf("%v: %v", test.at, err)
		}
		c = login(t, p.Addr)
		c.cmd(250, "RMD first")
	}
	p.Inject(Fault{Verb: "RETR", At: AtStart, Do: Cut, Reset: true})
	c := login(t, p.Addr)
	c.data()
	c.send("RETR f")
	c.gone()
	p.Inject(Fault{Verb: Greeting, At: AtFinal, Do: Cut})
	dial(t, p.Addr).gone()
}

func TestProxyAnswers(t *testing.T) {
	s, p, text := proxied(t)
	c := login(t, p.Addr)
	p.Inject(Fault{Verb: "RETR", Do: Answer, Reply: "450 Busy.\r\n"})
	p.Inject(Fault{Verb: "RETR", At: AtFinal, Do: Answer, Reply: "451 Disk.\r\n"})
	c.cmd(450, "RETR f")
	d := c.data()
	c.cmd(150, "RETR f")
	if got, err := io.ReadAll(d); err != nil || string(got) != text {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	_ = d.Close()
	c.reply(451)

	// Commands that come together are answered in order, and those that follow
	// a lost reply get their own.
	p.Inject(Fault{Verb: "SIZE", Times: 2, Do: Answer, Reply: "550 No.\r\n"})
	p.Inject(Fault{Verb: "MDTM", At: AtFinal, Do: Lose})
	c.send("NOOP\r\nSIZE f\r\nPWD\r\nMDTM f\r\nSIZE f\r\nPWD\r\nSIZE f")
	for _, code := range []int{200, 550, 257, 550, 257, 213} {
		c.reply(code)
	}
	var called bool
	p.Inject(Fault{Verb: "NOOP", Call: func() { called = true }})
	p.Inject(Fault{Verb: "NOOP", At: AtFinal, Do: Delay, For: time.Millisecond})
	c.cmd(200, "NOOP")
	c.cmd(200, "NOOP")
	if !called {
		t.Error("Call was not called")
	}
	p.Inject(Fault{Verb: "NOOP", Do: Answer, Reply: "421 Bye.\r\n"})
	c.cmd(421, "NOOP")
	c.gone()
	p.Inject(Fault{Verb: "DELE", At: AtFinal, Do: Answer, Reply: "421 Bye.\r\n"})
	c = login(t, p.Addr)
	c.cmd(421, "DELE f")
	c.gone()
	if _, err := s.Stat("/f"); err == nil {
		t.Error("the command did not take effect")
	}
}

func TestProxySlowsDown(t *testing.T) {
	_, p, text := proxied(t)
	c := login(t, p.Addr)
	p.Inject(Fault{Verb: "RETR", At: AtData, Bytes: 99_990, Do: Drip, For: time.Millisecond})
	p.Inject(Fault{Verb: "RETR", At: AtData, Bytes: 5, Do: Delay, For: 10 * time.Millisecond})
	for range 2 {
		if got := c.get("RETR f"); got != text {
			t.Errorf("%d bytes", len(got))
		}
	}
	p.Inject(Fault{Verb: "RETR", At: AtData, Bytes: 5, Do: Stall})
	d := c.data()
	c.cmd(150, "RETR f")
	_ = d.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	got, err := io.ReadAll(d)
	if len(got) != 5 || err == nil {
		t.Errorf("stalled after %d bytes, %v", len(got), err)
	}
	p.Inject(Fault{Verb: "NOOP", Do: Stall})
	c = login(t, p.Addr)
	c.send("NOOP")
	_ = c.raw.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := c.ReadLine(); err == nil {
		t.Error("a reply came")
	}
}

func TestProxyServerDownAndFrozen(t *testing.T) {
	_, p, text := proxied(t)
	c := login(t, p.Addr)
	p.Down()
	c.gone()
	if conn, err := net.Dial("tcp", p.Addr); err == nil {
		_ = conn.Close()
		t.Error("a connection was accepted")
	}
	if err := p.Up(); err != nil {
		t.Fatal(err)
	}
	c = login(t, p.Addr)
	p.Freeze()
	c.send("NOOP")
	_ = c.raw.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	one := make([]byte, 1)
	if _, err := c.raw.Read(one); err == nil {
		t.Error("a reply came")
	}
	fresh := dial(t, p.Addr)
	p.Heal()
	fresh.reply(220)
	_ = c.raw.SetReadDeadline(time.Now().Add(patience))
	c.reply(200)
	if got := c.get("RETR f"); !bytes.Equal([]byte(got), []byte(text)) {
		t.Errorf("%d bytes", len(got))
	}
}
