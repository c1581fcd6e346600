package ftpconn_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest/realserver"
)

// Real servers in the configuration that they come with, which for vsftpd and
// ProFTPD means that data connections must resume the session of their control
// connection: many transfers over several control connections, empty files and
// listings among them.
func TestTLSServers(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{root, filepath.Dir(root)} { // for the servers' users
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const files = 40
	for i := range files {
		if err := os.WriteFile(filepath.Join(root, fmt.Sprintf("f%d", i)), content(i*i*40), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range realserver.All {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(fmt.Sprintf("%s/%s", kind, tls.VersionName(version)), func(t *testing.T) {
				srv := realserver.Start(t, kind, realserver.Options{Root: root, TLS: true})
				client := srv.TLS.Clone()
				client.MinVersion, client.MaxVersion = version, version
				var trace syncBuffer
				p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) {
					c.User, c.Password = srv.User, srv.Password
					c.TLS, c.TLSConfig, c.Connections, c.Trace = ftpconn.TLSExplicit, client, 4, ftpconn.NewTrace(&trace)
				})
				if s := p.Security(); !s.TLS || !s.Data || s.Version != tls.VersionName(version) || s.PasswordInClear {
					t.Errorf("security: %+v", s)
				}
				var group sync.WaitGroup
				for reader := range 4 {
					group.Go(func() {
						for i := range 125 {
							n := (i*7 + reader) % files
							if i%25 == 0 {
								if l, err := p.List(t.Context(), "/", ftpconn.LaneMeta); err != nil || len(l.Entries) != files {
									t.Errorf("list: %v", err)
									return
								}
							}
							got, err := read(t.Context(), p, fmt.Sprintf("/f%d", n), ftpconn.RetrOptions{Length: -1, Size: int64(n * n * 40), Lane: ftpconn.LaneRead})
							if err != nil || !bytes.Equal(got, content(n*n*40)) {
								t.Errorf("f%d: %d bytes, %v", n, len(got), err)
								return
							}
						}
					})
				}
				group.Wait()
				// Pure-FTPd gives no tickets of TLS 1.3.
				if n := strings.Count(trace.String(), "did not resume"); n > 0 && (kind != realserver.PureFTPd || version != tls.VersionTLS13) {
					t.Errorf("%d data connections did not resume the session", n)
				}
				if t.Failed() {
					t.Log(tail(trace.String(), 40))
				}
			})
		}
	}
}

func tail(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
