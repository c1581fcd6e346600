package ftpconn_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest"
)

// orderly is a server that is known to work strictly in order.
func orderly(t *testing.T) *ftptest.Script {
	srv := script(t)
	srv.Greeting("220 (vsFTPd 3.0.3)\r\n")
	for i := range 10 {
		srv.WriteFile(fmt.Sprintf("/dir/f%d", i), content(100*i), modTime)
	}
	return srv
}

func readSmall(t *testing.T, p *ftpconn.Pool, i int) {
	t.Helper()
	size := 100 * i
	got, err := read(t.Context(), p, fmt.Sprintf("/dir/f%d", i), ftpconn.RetrOptions{Length: -1, Size: int64(size), Lane: ftpconn.LaneRead})
	if err != nil || !bytes.Equal(got, content(size)) {
		t.Fatalf("f%d: %d bytes, %v", i, len(got), err)
	}
}

// EPSV goes with the transfer before it: files back to back on one connection
// cost one turn each.
func TestSmallFilesBackToBack(t *testing.T) {
	srv := orderly(t)
	p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Connections = 1 })
	readSmall(t, p, 9)
	srv.ResetCommands()
	for i := 1; i < 10; i++ {
		readSmall(t, p, i)
	}
	if got := srv.Turns(); got > 9 {
		t.Errorf("9 files took %d turns: %q", got, srv.Commands())
	}
}

// A refused transfer, a refused EPSV and replies out of order behind a transfer
// leave nothing behind.
func TestWhatFollowsATransferFails(t *testing.T) {
	for name, bend := range map[string]func(*ftptest.Script){
		"file is missing":      func(s *ftptest.Script) { s.ReplyNext("RETR", "550 No such file.\r\n") },
		"no data connection":   func(s *ftptest.Script) { s.ReplyNext("RETR", "425 Try again.\r\n") },
		"EPSV is refused":      func(s *ftptest.Script) { s.ReplyNext("EPSV", "425 No port is free.\r\n") },
		"EPSV is not answered": func(s *ftptest.Script) { s.ReplyNext("EPSV", "200 What?\r\n") },
		"port is closed":       func(s *ftptest.Script) { s.ReplyNext("EPSV", "229 Entering Extended Passive Mode (|||1|)\r\n") },
		"the server hangs up":  func(s *ftptest.Script) { s.ReplyNext("EPSV", "421 Bye.\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			srv := orderly(t)
			p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Connections = 1 })
			readSmall(t, p, 9)
			bend(srv)
			_, err := read(t.Context(), p, "/dir/f1", ftpconn.RetrOptions{Length: -1, Size: 100, Lane: ftpconn.LaneRead})
			if errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the file is there, but: %v", err)
			}
			for i := 1; i < 10; i++ {
				readSmall(t, p, i)
			}
			if _, err := read(t.Context(), p, "/dir/none", ftpconn.RetrOptions{Length: -1, Size: 100}); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a missing file: %v", err)
			}
			readSmall(t, p, 5)
		})
	}
}

// Pure-FTPd may answer a command that it reads while it sends data, ahead of
// the transfer's own last reply.
func TestCommandThatIsSwallowed(t *testing.T) {
	srv := orderly(t)
	srv.Greeting("220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\r\n220 You will be disconnected.\r\n")
	p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Connections = 1 })
	readSmall(t, p, 9)
	for i := 1; i < 10; i++ {
		if i%3 == 0 {
			// The EPSV of the transfer before must have had its answer.
			if _, err := p.Stat(t.Context(), "/dir/f1", ftpconn.LaneMeta); err != nil {
				t.Fatal(err)
			}
			srv.Plan("RETR", ftptest.Plan{Start: "150 Go.\r\n500 ?\r\n"})
			srv.Next("EPSV", func(*ftptest.Session, string) {}) // it was answered above
		}
		readSmall(t, p, i)
		srv.Plan("RETR", ftptest.Plan{})
	}
}
