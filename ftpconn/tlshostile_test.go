package ftpconn_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest"
)

// Where TLS is required, nothing secret is sent without it, whatever the
// server says.
func TestTLSIsNotTalkedAway(t *testing.T) {
	for name, setUp := range map[string]func(*ftptest.Script){
		"refused":                    func(s *ftptest.Script) { s.Disable("AUTH") },
		"refused for now":            func(s *ftptest.Script) { reply(s, "AUTH", "431 Later.\r\n") },
		"goodbye":                    func(s *ftptest.Script) { reply(s, "AUTH", "421 Bye.\r\n") },
		"greeted as logged in":       func(s *ftptest.Script) { s.Greeting("230 Welcome.\r\n"); s.Disable("AUTH") },
		"logged in instead of AUTH":  func(s *ftptest.Script) { reply(s, "AUTH", "230 Welcome.\r\n") },
		"bytes in clear behind AUTH": func(s *ftptest.Script) { reply(s, "AUTH", "234 Go.\r\n230 Welcome.\r\n") },
		"agreed, but no handshake":   func(s *ftptest.Script) { reply(s, "AUTH", "234 Go.\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			srv := ftptest.NewScript(t)
			srv.Login("joe", "sesame", "")
			setUp(srv)
			p := newPool(t, srv.Host, srv.Port, func(c *ftpconn.Config) {
				c.User, c.Password, c.TLS = "joe", "sesame", ftpconn.TLSExplicit
			})
			if err := p.Connect(t.Context()); err == nil {
				t.Error("logged in")
			}
			for _, line := range srv.Commands() {
				if strings.HasPrefix(line, "USER") || strings.HasPrefix(line, "PASS") || strings.Contains(line, "sesame") {
					t.Errorf("%q was sent in clear", line)
				}
			}
		})
	}
}

func reply(s *ftptest.Script, verb, raw string) {
	s.Handle(verb, func(c *ftptest.Session, _ string) { c.Raw(raw) })
}

// By default TLS is used where it protects a password and can be had.
func TestTLSAuto(t *testing.T) {
	withTLS := []ftptest.Option{ftptest.WithTLS(), ftptest.WithLogin("joe", "sesame")}
	for _, test := range []struct {
		name   string
		server []ftptest.Option
		user   string
		want   ftpconn.Security
	}{
		{"a password", withTLS, "joe", ftpconn.Security{TLS: true, Data: true, Version: "TLS 1.3"}},
		{"no TLS", []ftptest.Option{ftptest.WithLogin("joe", "sesame")}, "joe", ftpconn.Security{PasswordInClear: true}},
		{"anonymous", []ftptest.Option{ftptest.WithTLS()}, "anonymous", ftpconn.Security{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := ftptest.NewServer(t, test.server...)
			p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) {
				c.User, c.Password, c.TLS, c.TLSConfig = test.user, "sesame", ftpconn.TLSAuto, srv.TLS
			})
			if got := p.Security(); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if _, err := p.List(t.Context(), "/", ftpconn.LaneMeta); err != nil {
				t.Error(err)
			}
		})
	}
}

// A server that was seen with TLS is not believed when it denies it later.
func TestTLSAutoStaysOn(t *testing.T) {
	srv := ftptest.NewServer(t, ftptest.WithTLS(), ftptest.WithLogin("joe", "sesame"))
	stripped := ftptest.NewScript(t)
	stripped.Disable("AUTH")
	stripped.Login("joe", "sesame", "")
	var redirect atomic.Bool
	p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) {
		c.User, c.Password, c.TLS, c.TLSConfig = "joe", "sesame", ftpconn.TLSAuto, srv.TLS
		c.Dial = redirecting(&redirect, stripped.Addr)
	})
	redirect.Store(true)
	srv.CloseConnections()
	if _, err := p.List(t.Context(), "/", ftpconn.LaneMeta); !errors.Is(err, ftpconn.ErrTLS) {
		t.Errorf("got %v", err)
	}
	for _, line := range stripped.Commands() {
		if strings.HasPrefix(line, "PASS") {
			t.Error("the password was sent in clear")
		}
	}
}

// Who the server is has to be shown, on control and data connections.
func TestTLSCertificates(t *testing.T) {
	srv := ftptest.NewServer(t, ftptest.WithTLS(), ftptest.WithLogin("joe", "sesame"))
	for name, change := range map[string]func(*tls.Config){
		"unknown authority": func(c *tls.Config) { c.RootCAs = nil },
		"another host":      func(c *tls.Config) { c.ServerName = "ftp.example.org" },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, srv.Host, srv.Port, func(c *ftpconn.Config) {
				c.User, c.Password, c.TLS = "joe", "sesame", ftpconn.TLSAuto
				c.TLSConfig = srv.TLS.Clone()
				change(c.TLSConfig)
			})
			err := p.Connect(t.Context())
			if !errors.Is(err, ftpconn.ErrTLS) || ftpconn.UntrustedCertificate(err) == nil {
				t.Errorf("got %v", err)
			}
		})
	}
	if got := srv.Count("USER"); got != 0 {
		t.Errorf("%d users were named", got)
	}
}

// TLS from the first byte.
func TestTLSImplicit(t *testing.T) {
	srv := ftptest.NewServer(t, ftptest.WithImplicitTLS(), ftptest.WithLogin("joe", "sesame"))
	srv.WriteFile("/f", content(100_000), modTime)
	p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) {
		c.User, c.Password, c.TLS, c.TLSConfig = "joe", "sesame", ftpconn.TLSImplicit, srv.TLS
	})
	got, err := read(t.Context(), p, "/f", ftpconn.RetrOptions{Length: -1, Size: 100_000, Lane: ftpconn.LaneRead})
	if err != nil || string(got) != string(content(100_000)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// redirecting dials address instead, once the switch is on.
func redirecting(on *atomic.Bool, address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, wanted string) (net.Conn, error) {
		if on.Load() {
			wanted = address
		}
		var d net.Dialer
		return d.DialContext(ctx, network, wanted)
	}
}
