package e2e

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ftpfs/ftpconn/ftptest"
)

// startProxy runs a proxy on loopback. greet takes a connection to the point
// where it names a destination, and says what to answer when that is reached.
func startProxy(t *testing.T, greet func(*bufio.Reader, io.Writer) (address, answer string, err error)) (address string, count *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	count = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				br := bufio.NewReader(c)
				to, answer, err := greet(br, c)
				if err != nil {
					return
				}
				up, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer func() { _ = up.Close() }()
				count.Add(1)
				if _, err := io.WriteString(c, answer); err != nil {
					return
				}
				var both sync.WaitGroup
				both.Go(func() { _, _ = io.Copy(up, br); _ = up.(*net.TCPConn).CloseWrite() })
				both.Go(func() { _, _ = io.Copy(c, up); _ = c.(*net.TCPConn).CloseWrite() })
				both.Wait()
			}()
		}
	}()
	return l.Addr().String(), count
}

// socks5 is RFC 1928 without authentication, for IPv4 addresses.
func socks5(br *bufio.Reader, w io.Writer) (address, answer string, err error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(br, head); err != nil {
		return "", "", err
	}
	if _, err := br.Discard(int(head[1])); err != nil {
		return "", "", err
	}
	if _, err := w.Write([]byte{5, 0}); err != nil {
		return "", "", err
	}
	request := make([]byte, 10)
	if _, err := io.ReadFull(br, request); err != nil {
		return "", "", err
	}
	if request[1] != 1 || request[3] != 1 {
		return "", "", fmt.Errorf("request %v", request)
	}
	address = net.JoinHostPort(net.IP(request[4:8]).String(), fmt.Sprint(binary.BigEndian.Uint16(request[8:])))
	return address, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", nil
}

// connect is HTTP's CONNECT, for one user.
func connect(br *bufio.Reader, w io.Writer) (address, answer string, err error) {
	r, err := http.ReadRequest(br)
	if err != nil {
		return "", "", err
	}
	if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != "Basic am9lOnNlc2FtZQ==" {
		_, err := io.WriteString(w, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
		return "", "", fmt.Errorf("refused: %w", err)
	}
	return r.Host, "HTTP/1.1 200 Fine\r\nVia: test\r\n\r\n", nil
}

// TestProxy: control and data connections go through the proxy.
func TestProxy(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t)
	srv.WriteFile("/f", []byte(strings.Repeat("through a proxy\n", 50_000)), modTime)
	address, count := startProxy(t, socks5)
	t.Run("SOCKS", func(t *testing.T) {
		mnt := mount(t, srv.URL(), "--proxy", "socks5://"+address)
		if got := must(t, "cat", filepath.Join(mnt, "f")); len(got) != 800_000 {
			t.Errorf("%d bytes", len(got))
		}
		if n := count.Load(); n < 3 { // control, listing, file
			t.Errorf("%d connections through the proxy", n)
		}
	})
	t.Run("by hand", func(t *testing.T) {
		before := count.Load()
		out := sh(t, `printf '%s\n' "USER anonymous" "PASS x" "TYPE I" EPSV "RETR f" PASV "LIST" QUIT | "$1" shell --proxy "$2" "$3"`,
			ftpfs, "socks5://"+address, srv.URL())
		if n := count.Load() - before; n != 3 || !strings.Contains(out, "end of data: 800000 bytes") || strings.Count(out, "< 226") != 2 {
			t.Errorf("%d connections through the proxy:\n%s", n, out)
		}
	})
	t.Run("not wanted", func(t *testing.T) {
		before := count.Load()
		t.Setenv("ALL_PROXY", "socks5://"+address) // nothing on this machine needs it
		must(t, "ls", mount(t, srv.URL()))
		must(t, "ls", mount(t, srv.URL(), "--proxy=none"))
		if n := count.Load() - before; n != 0 {
			t.Errorf("%d connections through the proxy", n)
		}
	})
	address, _ = startProxy(t, connect)
	t.Run("HTTP without a password", func(t *testing.T) {
		r := try(t, ftpfs, "mount", "--proxy", "http://"+address, srv.URL(), mountDir(t))
		if r.code != 3 || !strings.Contains(r.out, "407") {
			t.Errorf("exit code %d: %s", r.code, r.out)
		}
	})
	t.Run("HTTP with a password from the environment", func(t *testing.T) {
		// Only the proxy knows what ftp.test is.
		proxy, count := startProxy(t, func(br *bufio.Reader, w io.Writer) (address, answer string, err error) {
			address, answer, err = connect(br, w)
			host, port, _ := strings.Cut(address, ":")
			if port == "21" {
				port = fmt.Sprint(srv.Port)
			}
			if err == nil && host != "ftp.test" {
				err = fmt.Errorf("connect to %q", address)
			}
			return net.JoinHostPort(srv.Host, port), answer, err
		})
		t.Setenv("ftp_proxy", "http://joe:sesame@"+proxy)
		if got := must(t, "cat", filepath.Join(mount(t, "ftp://ftp.test/"), "f")); len(got) != 800_000 || count.Load() < 3 {
			t.Errorf("%d bytes over %d connections", len(got), count.Load())
		}
		t.Setenv("NO_PROXY", "ftp.test")
		if r := try(t, ftpfs, "mount", "ftp://ftp.test/", mountDir(t)); r.code != 3 || !strings.Contains(r.out, "not known") {
			t.Errorf("exit code %d: %s", r.code, r.out)
		}
	})
	t.Run("a password for everybody to see", func(t *testing.T) {
		r := try(t, ftpfs, "mount", "--proxy", "http://joe:sesame@"+address, srv.URL(), mountDir(t))
		if r.code != 2 || strings.Contains(r.out, "sesame") {
			t.Errorf("exit code %d: %s", r.code, r.out)
		}
	})
	t.Run("active mode", func(t *testing.T) {
		if r := try(t, ftpfs, "mount", "--active", "--proxy", "http://"+address, srv.URL(), mountDir(t)); r.code != 2 {
			t.Errorf("exit code %d: %s", r.code, r.out)
		}
	})
}
