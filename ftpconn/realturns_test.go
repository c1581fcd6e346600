package ftpconn_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest/realserver"
)

// turns counts the round trips of the control connections to a server, as a
// client sees them: writes after something was read.
type turns struct {
	mu   sync.Mutex
	n    int
	port int
}

func (c *turns) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, network, address)
	if err != nil || nc.RemoteAddr().(*net.TCPAddr).Port != c.port {
		return nc, err
	}
	return &turning{Conn: nc, c: c}, nil
}

func (c *turns) take() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n
	c.n = 0
	return n
}

type turning struct {
	net.Conn
	c    *turns
	read bool // guarded by c.mu
}

func (t *turning) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.c.mu.Lock()
	t.read = true
	t.c.mu.Unlock()
	return n, err
}

func (t *turning) Write(p []byte) (int, error) {
	t.c.mu.Lock()
	if t.read {
		t.read = false
		t.c.n++
	}
	t.c.mu.Unlock()
	return t.Conn.Write(p)
}

// What changes and uploads cost on real servers, in round trips of the control
// connection. What an upload waits for on its data connection is not in here:
//
//	           rm, mkdir, mv   time, mode   a small file   a large one
//	vsftpd                 1            1              1             2
//	ProFTPD                1            1              2             2
//	Pure-FTPd              1            1              2             2
//	pyftpdlib              1            1              2             2
func TestRoundTripsOnServers(t *testing.T) {
	for _, kind := range realserver.All {
		t.Run(string(kind), func(t *testing.T) {
			root := writable(t)
			srv := realserver.Start(t, kind, realserver.Options{Root: root, Writable: true})
			count := &turns{port: srv.Port}
			p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) {
				c.User, c.Password, c.Root, c.Connections, c.Dial = srv.User, srv.Password, srv.Dir, 1, count.dial
				c.Timeout = 30 * time.Second
			})
			ctx := t.Context()
			small, large := 2, 2
			if kind == realserver.VSFTPD {
				small = 1
			}
			store := func(name string, size int) error {
				_, err := send(t, p, name, content(size), ftpconn.StoreOptions{Size: int64(size)},
					ftpconn.Settled{Size: int64(size), Time: modTime, Mode: 0o600, HasMode: kind != realserver.VSFTPD})
				return err
			}
			if err := store("/first", 10); err != nil { // the way to set times is learned
				t.Fatal(err)
			}
			for _, test := range []struct {
				name string
				want int
				do   func() error
			}{
				{"store", small, func() error { return store("/f", 10_000) }},
				{"store of nothing", small, func() error { return store("/g", 0) }},
				{"large store", large, func() error { return store("/h", 1<<20) }},
				{"mkdir", 1, func() error { return p.Mkdir(ctx, "/d") }},
				{"mv", 1, func() error { return p.Rename(ctx, "/d", "/e") }},
				{"time", 1, func() error { return p.SetTime(ctx, "/f", modTime) }},
				{"rm", 1, func() error { return p.Remove(ctx, "/f") }},
				{"rmdir", 1, func() error { return p.Rmdir(ctx, "/e") }},
			} {
				// The next data connection has been opened by then.
				eventually(t, "an idle connection", func() bool { return p.Room() == 1 })
				time.Sleep(50 * time.Millisecond)
				count.take()
				if err := test.do(); err != nil {
					t.Errorf("%s: %v", test.name, err)
				}
				if got := count.take(); got > test.want {
					t.Errorf("%s: %d round trips, want %d", test.name, got, test.want)
				}
			}
		})
	}
}

// Many files of all sizes, over several connections, in clear and under TLS.
func TestManyStoresOnServers(t *testing.T) {
	onWritable(t, []uint16{0, tls.VersionTLS13}, func(t *testing.T, _ realserver.Kind, root string, p *ftpconn.Pool) {
		var group sync.WaitGroup
		for writer := range 4 {
			group.Go(func() {
				for i := range 40 {
					size := i * i * 50 * (i % 3) // every third is empty
					name := fmt.Sprintf("/%d-%d", writer, i)
					if _, err := send(t, p, name, content(size), ftpconn.StoreOptions{Size: -1}, ftpconn.Settled{Size: int64(size), Time: modTime}); err != nil {
						t.Errorf("%s: %v", name, err)
						return
					}
					info, err := os.Stat(root + name)
					if err != nil || info.Size() != int64(size) || !info.ModTime().Equal(modTime) {
						t.Errorf("%s: %+v, %v", name, info, err)
					}
				}
			})
		}
		group.Wait()
	})
}

// An upload that is given up half-way costs nobody else anything.
func TestAbortOnServers(t *testing.T) {
	onWritable(t, []uint16{0, tls.VersionTLS13}, func(t *testing.T, _ realserver.Kind, root string, p *ftpconn.Pool) {
		for i := range 6 {
			u, err := p.Store(t.Context(), "/given up", ftpconn.StoreOptions{Size: 1 << 30})
			if err != nil {
				t.Fatal(err)
			}
			for range i {
				if _, err := u.Write(content(1 << 20)); err != nil {
					t.Error(err)
				}
			}
			u.Abort()
			name := fmt.Sprintf("/f%d", i)
			if _, err := send(t, p, name, content(1000), ftpconn.StoreOptions{Size: -1}, ftpconn.Settled{Size: 1000}); err != nil {
				t.Error(err)
			}
			if _, err := p.Stat(t.Context(), name, ftpconn.LaneMeta); err != nil {
				t.Error(err)
			}
		}
		if err := p.Remove(t.Context(), "/given up"); err != nil {
			t.Error(err)
		}
	})
}
