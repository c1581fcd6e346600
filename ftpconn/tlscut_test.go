package ftpconn_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest"
)

// cutter passes TLS 1.2 records on up to the first one of a type that is to be
// cut: there the connection seems to end by TCP's means, as anybody on the line
// can make it seem.
type cutter struct {
	net.Conn
	br   *bufio.Reader
	rest bytes.Buffer
	cut  byte // 21: alerts, and so close_notify; 23: data
	pass int  // how many of these are let through
}

func (c *cutter) Read(p []byte) (int, error) {
	if c.rest.Len() == 0 {
		header, err := c.br.Peek(5)
		if err != nil {
			return 0, err
		}
		if header[0] == c.cut {
			if c.pass--; c.pass < 0 {
				return 0, io.EOF
			}
		}
		if _, err := io.CopyN(&c.rest, c.br, 5+int64(binary.BigEndian.Uint16(header[3:]))); err != nil {
			return 0, err
		}
	}
	return c.rest.Read(p)
}

// A protected data connection that ends without close_notify may have been
// ended by anybody: it counts as the end of a file only if the known size has
// come, and never as the end of a listing.
func TestTLSIsNotCutShort(t *testing.T) {
	srv := ftptest.NewServer(t, ftptest.WithTLS())
	srv.WriteFile("/f", content(100_000), modTime)
	for name, cut := range map[string]func(net.Conn) *cutter{
		"all data, no close_notify": func(c net.Conn) *cutter { return &cutter{Conn: c, cut: 21} },
		"at the first record":       func(c net.Conn) *cutter { return &cutter{Conn: c, cut: 23} },
		"at the fourth record":      func(c net.Conn) *cutter { return &cutter{Conn: c, cut: 23, pass: 3} },
	} {
		t.Run(name, func(t *testing.T) {
			var cutting atomic.Bool // not while the pool explores
			p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) {
				c.TLS, c.TLSConfig, c.Connections = ftpconn.TLSExplicit, srv.TLS.Clone(), 1
				c.TLSConfig.MaxVersion = tls.VersionTLS12
				c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					var d net.Dialer
					nc, err := d.DialContext(ctx, network, address)
					if err != nil || address == srv.Addr || !cutting.Load() {
						return nc, err
					}
					wrapped := cut(nc)
					wrapped.br = bufio.NewReader(nc)
					return wrapped, nil
				}
			})
			if _, err := p.List(t.Context(), "/", ftpconn.LaneMeta); err != nil {
				t.Fatal(err)
			}
			// The connection that waits was opened before: use it up.
			if _, err := read(t.Context(), p, "/f", ftpconn.RetrOptions{Length: -1, Size: 100_000, Lane: ftpconn.LaneRead}); err != nil {
				t.Fatal(err)
			}
			cutting.Store(true)
			whole := strings.HasPrefix(name, "all")
			for range 2 {
				got, err := read(t.Context(), p, "/f", ftpconn.RetrOptions{Length: -1, Size: 100_000, Lane: ftpconn.LaneRead})
				if err == nil && !bytes.Equal(got, content(100_000)) {
					t.Fatalf("%d bytes and no error", len(got))
				}
				if whole && err != nil {
					t.Errorf("all bytes came, but: %v", err)
				}
			}
			if got, err := read(t.Context(), p, "/f", ftpconn.RetrOptions{Length: -1, Size: -1, Lane: ftpconn.LaneRead}); err == nil {
				t.Errorf("size not known: %d bytes", len(got))
			}
			// The fourth record is behind the end of the listing.
			if _, err := p.List(t.Context(), "/", ftpconn.LaneMeta); (err == nil) != strings.HasSuffix(name, "fourth record") {
				t.Errorf("listing: %v", err)
			}
		})
	}
}
