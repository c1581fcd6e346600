package ftpconn_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest"
)

// fileOf makes a file with content.
func fileOf(t *testing.T, data []byte) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// opaque makes connections that the kernel can not send files over.
func opaque(c *ftpconn.Config) {
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, address)
		return struct{ net.Conn }{nc}, err
	}
}

// Parts of a file arrive like what is written, and between what is.
func TestSendFile(t *testing.T) {
	for name, change := range map[string]func(*ftpconn.Config){
		"by the kernel": nil, "copied": opaque, "active": func(c *ftpconn.Config) { c.Active = true },
	} {
		t.Run(name, func(t *testing.T) {
			srv := ftptest.NewScript(t)
			p := connect(t, srv.Host, srv.Port, change)
			for _, size := range sizes {
				data := content(size)
				f := fileOf(t, append([]byte("before"), data...))
				for _, told := range []int64{-1, int64(size)} {
					u, err := p.Store(t.Context(), "/f", ftpconn.StoreOptions{Size: told})
					if err != nil {
						t.Fatal(err)
					}
					part := func(from, to int) {
						if n, err := u.SendFile(f, int64(6+from), to-from); n != to-from || err != nil {
							t.Fatal(n, err)
						}
					}
					part(0, size/8)
					part(size/8, size/2)
					if _, err := u.Write(data[size/2 : size*3/4]); err != nil {
						t.Fatal(err)
					}
					part(size*3/4, size)
					if _, err := u.Commit(t.Context(), ftpconn.Settled{Size: int64(size)}); err != nil {
						t.Error(err)
					}
					if got, _ := srv.ReadFile("/f"); !bytes.Equal(got, data) {
						t.Errorf("%d bytes: %d arrived", size, len(got))
					}
				}
			}
		})
	}
}

// A file that ends early, or can not be read, is not taken for a whole one.
func TestSendFileThatIsShort(t *testing.T) {
	srv := ftptest.NewScript(t)
	p := connect(t, srv.Host, srv.Port, nil)
	for _, size := range sizes {
		f := fileOf(t, content(size))
		closed := fileOf(t, content(size))
		_ = closed.Close()
		for _, file := range []*os.File{f, closed} {
			u, err := p.Store(t.Context(), "/f", ftpconn.StoreOptions{Size: -1})
			if err != nil {
				t.Fatal(err)
			}
			n, err := u.SendFile(file, 0, size+1)
			if err == nil || file == f && !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ftpconn.ErrShort) || n > size {
				t.Errorf("%d bytes: %d, %v", size, n, err)
			}
			if _, err := u.Commit(t.Context(), ftpconn.Settled{Size: -1}); err == nil {
				t.Errorf("%d bytes: Commit says it is all there", size)
			}
		}
	}
	if _, err := send(t, p, "/f", content(5000), ftpconn.StoreOptions{Size: -1}, ftpconn.Settled{Size: 5000}); err != nil {
		t.Error(err)
	}
}

// A server that takes nothing any more ends SendFile, as does Abort.
func TestSendFileThatStalls(t *testing.T) {
	for name, test := range map[string]struct {
		plan  ftptest.Plan
		abort bool
		want  error
	}{
		"timeout": {ftptest.Plan{Stall: 100_000}, false, ftpconn.ErrTimeout},
		"Abort":   {ftptest.Plan{Stall: 100_000}, true, ftpconn.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			srv := tree(t)
			srv.Plan("STOR", test.plan)
			p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Timeout = 500 * time.Millisecond })
			u, err := p.Store(t.Context(), "/f", ftpconn.StoreOptions{Size: 1 << 30})
			if err != nil {
				t.Fatal(err)
			}
			if test.abort {
				time.AfterFunc(100*time.Millisecond, u.Abort)
			}
			f := fileOf(t, content(16<<20))
			for err == nil {
				_, err = u.SendFile(f, 0, 16<<20)
			}
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			u.Abort()
		})
	}
}
