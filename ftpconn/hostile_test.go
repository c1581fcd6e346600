package ftpconn_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest"
)

// flood makes a server send text without end, as the answer to a verb or as
// the content of its transfer, and counts the bytes.
func flood(srv *ftptest.Script, verb, text string, data bool, sent *atomic.Int64) {
	srv.Handle(verb, func(c *ftptest.Session, _ string) {
		if !data {
			for { // until the client has hung up
				select {
				case <-c.Done():
					return
				default:
				}
				c.Raw(text)
				sent.Add(int64(len(text)))
			}
		}
		conn, err := c.Open()
		if err != nil {
			return
		}
		c.Reply(150, "Here it comes.")
		for err == nil {
			_, err = conn.Write([]byte(text))
			sent.Add(int64(len(text)))
		}
		_ = conn.Close()
		c.Reply(426, "You left.")
	})
}

// What a server sends without end is neither kept nor read for ever.
func TestEndlessAnswers(t *testing.T) {
	fill := strings.Repeat("x", 64<<10)
	for name, test := range map[string]struct {
		verb, text string
		data       bool
	}{
		"a reply of one line":       {"CWD", fill, false},
		"a reply of many lines":     {"CWD", strings.Repeat("250-still more\r\n", 1000), false},
		"empty lines for a reply":   {"CWD", strings.Repeat("\r\n", 1000), false},
		"a listing of one line":     {"LIST", fill, true},
		"empty lines for a listing": {"LIST", strings.Repeat("\r\n", 10_000), true},
		"odd lines for a listing":   {"LIST", strings.Repeat("what is this\r\n", 1000), true},
		"the same entry":            {"LIST", strings.Repeat("-rw-r--r-- 1 u g 5 Jan 01 2024 name\r\n", 1000), true},
		"odd facts":                 {"MLSD", strings.Repeat("what is this\r\n", 1000), true},
		"the same facts":            {"MLSD", strings.Repeat("type=file;size=1; name\r\n", 1000), true},
		"the directory itself":      {"MLSD", strings.Repeat("type=cdir; .\r\n", 1000), true},
	} {
		t.Run(name, func(t *testing.T) {
			srv := script(t)
			if test.verb != "MLSD" {
				srv.Disable("MLSD", "MLST")
			}
			p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.MaxEntries = 5000 })
			if _, err := p.List(t.Context(), "/", ftpconn.LaneMeta); err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var sent atomic.Int64
			flood(srv, test.verb, test.text, test.data, &sent)
			l, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta)
			var refused *ftpconn.Error
			if err == nil || ftpconn.IsAbsent(err) || errors.As(err, &refused) {
				t.Errorf("got %v, %v", l, err)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			// Four tries at most, 16 MiB each, and what the kernel buffers.
			if n := sent.Load(); n > 200<<20 {
				t.Errorf("%d bytes were taken", n)
			}
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
				t.Errorf("%d bytes are kept", grown)
			}
			srv.Handle(test.verb, nil)
			if _, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// A listing of a byte a second takes its time, and whoever waits for it may
// leave.
func TestDrippingListing(t *testing.T) {
	srv := script(t)
	proxy := ftptest.NewProxy(t, srv.Addr)
	p := connect(t, proxy.Host, proxy.Port, nil)
	proxy.Inject(ftptest.Fault{Verb: "MLSD", At: ftptest.AtData, Do: ftptest.Drip, For: time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := p.List(ctx, "/dir", ftpconn.LaneMeta); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	proxy.Inject(ftptest.Fault{Verb: "MLSD", At: ftptest.AtData, Do: ftptest.Drip, For: 2 * time.Millisecond})
	if l, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta); err != nil || len(l.Entries) != 1 {
		t.Errorf("one that drips faster: %v, %v", l, err)
	}
}

// Sizes that can not be are not known; they are never taken for others.
func TestImpossibleSizes(t *testing.T) {
	for _, size := range []string{"-1", "-5000", "9223372036854775808", "18446744073709551615", "99999999999999999999999", "1e3", "0x10", ""} {
		srv := script(t)
		srv.Listing("MLSD", "/dir", fmt.Sprintf("type=file;size=%s; file\r\n", size))
		srv.Reply("SIZE", "213 "+size+"\r\n")
		p := connect(t, srv.Host, srv.Port, nil)
		l, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta)
		if err != nil || len(l.Entries) != 1 || l.Entries[0].Size != -1 {
			t.Errorf("size %q: %+v, %v", size, l, err)
		}
		if n, err := p.Size(t.Context(), "/dir/file", ftpconn.LaneMeta); err == nil {
			t.Errorf("SIZE %q: %d", size, n)
		}
		if got, err := read(t.Context(), p, "/dir/file", ftpconn.RetrOptions{Length: -1, Size: -1}); err != nil || len(got) != 5000 {
			t.Errorf("size %q: %d bytes, %v", size, len(got), err)
		}
	}
}

// A user, a password, an account or a directory can not bring a command.
func TestNoCommandsFromSettings(t *testing.T) {
	for name, change := range map[string]func(*ftpconn.Config){
		"user":      func(c *ftpconn.Config) { c.User = "joe\r\nDELE /f" },
		"password":  func(c *ftpconn.Config) { c.User, c.Password = "joe", "x\nDELE /f" },
		"account":   func(c *ftpconn.Config) { c.User, c.Password, c.Account = "joe", "secret", "x\r\nDELE /f" },
		"directory": func(c *ftpconn.Config) { c.User, c.Password, c.Account, c.Root = "joe", "secret", "a", "d\r\nDELE /f" },
		"NUL":       func(c *ftpconn.Config) { c.User = "joe\x00" },
	} {
		t.Run(name, func(t *testing.T) {
			srv := script(t)
			srv.Login("joe", "secret", "a")
			p := newPool(t, srv.Host, srv.Port, change)
			if err := p.Connect(t.Context()); !errors.Is(err, ftpconn.ErrName) {
				t.Errorf("got %v", err)
			} else if strings.Contains(err.Error(), "DELE") && name == "password" {
				t.Errorf("the error has the password: %v", err)
			}
			if srv.Count("DELE") > 0 {
				t.Errorf("commands: %q", srv.Commands())
			}
		})
	}
}

// Names that the kernel can not take would cost the whole directory.
func TestHostileNames(t *testing.T) {
	for _, verb := range []string{"MLSD", "LIST"} {
		t.Run(verb, func(t *testing.T) {
			srv := script(t)
			line := func(name string) string { return "type=file;size=5; " + name + "\r\n" }
			if verb == "LIST" {
				srv.Disable("MLSD", "MLST")
				line = func(name string) string { return "-rw-r--r-- 1 u g 5 Jan 01 2024 " + name + "\r\n" }
			}
			var raw strings.Builder
			for _, name := range []string{"good", "..", ".", "a/b", "/etc/passwd", "../up", "x\x00y", "twice", "twice", "\x1b[31m", "\xff\xfe", "last"} {
				raw.WriteString(line(name))
			}
			srv.Listing(verb, "/dir", raw.String())
			var log strings.Builder
			p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			l, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta)
			want := []string{"\x1b[31m", "good", "last", "twice", "\xff\xfe"}
			if err != nil || !slices.Equal(names(l), want) {
				t.Errorf("got %q, %v, want %q", names(l), err, want)
			}
			if !strings.Contains(log.String(), "can not hold") || strings.Contains(log.String(), "\x1b") {
				t.Errorf("log: %q", log.String())
			}
		})
	}
}
