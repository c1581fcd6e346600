package ftpconn_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest"
)

// sizes are below and above what is kept until Commit.
var sizes = []int{0, 1, 5000, 64 << 10, 64<<10 + 1, 3 << 20}

// greetings make a Script look like servers that are treated differently.
var greetings = map[string]string{
	"in order":      "220 (vsFTPd 3.0.3)\r\n",
	"ProFTPD":       "220 ProFTPD Server (x)\r\n",
	"not known":     "220 Hello\r\n",
	"one at a time": "220 Microsoft FTP Service\r\n",
}

func TestStore(t *testing.T) {
	for name, greeting := range greetings {
		for _, active := range []bool{false, true} {
			for _, mlsd := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/active=%v/MLST=%v", name, active, mlsd), func(t *testing.T) {
					srv := ftptest.NewScript(t)
					srv.Greeting(greeting)
					if !mlsd {
						srv.Disable("MLSD", "MLST")
					}
					p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Active = active })
					for _, size := range sizes {
						data := content(size)
						for range 2 { // the second time in place of the first
							a, err := send(t, p, "/f", data, ftpconn.StoreOptions{Size: int64(size)},
								ftpconn.Settled{Size: int64(size), Time: modTime, Mode: 0o600, HasMode: true})
							got, errRead := srv.ReadFile("/f")
							if err != nil || errRead != nil || !bytes.Equal(got, data) {
								t.Fatalf("%d bytes: %v; %d bytes arrived, %v", size, err, len(got), errRead)
							}
							when, mode, _ := srv.Stat("/f")
							if !a.Time || !a.Mode || !when.Equal(modTime) || mode != 0o600 || a.Entry.Size != int64(size) || !a.Entry.ModTime.Equal(modTime) {
								t.Errorf("%d bytes: %+v, %v, %v", size, a, when, mode)
							}
						}
						if _, err := send(t, p, "/f", data, ftpconn.StoreOptions{Append: true, Size: -1}, ftpconn.Settled{Size: int64(2 * size)}); err != nil {
							t.Errorf("append: %v", err)
						}
						if got, _ := srv.ReadFile("/f"); !bytes.Equal(got, append(data[:size:size], data...)) {
							t.Errorf("append: %d bytes", len(got))
						}
					}
				})
			}
		}
	}
}

// A small file over a connection with a waiting data connection costs one
// round trip where commands are queued, and two elsewhere.
func TestStoreRoundTrips(t *testing.T) {
	for name, want := range map[string]int{"in order": 1, "ProFTPD": 2, "not known": 2} {
		for _, mlsd := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/MLST=%v", name, mlsd), func(t *testing.T) {
				srv := ftptest.NewScript(t)
				srv.Greeting(greetings[name])
				if !mlsd {
					srv.Disable("MLSD", "MLST")
				}
				p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Connections = 1 })
				for i := range 5 {
					eventually(t, "a hot connection", func() bool { return srv.Count("EPSV") > 0 })
					if i == 0 {
						time.Sleep(50 * time.Millisecond) // until the data connection is open
					}
					srv.ResetCommands()
					if _, err := send(t, p, fmt.Sprintf("/f%d", i), content(10_000), ftpconn.StoreOptions{Size: -1},
						ftpconn.Settled{Size: 10_000, Time: modTime, Mode: 0o600, HasMode: true}); err != nil {
						t.Fatal(err)
					}
					if got := srv.Turns(); got != want {
						t.Errorf("%d turns: %q", got, srv.Commands())
					}
				}
			})
		}
	}
}

// The 1yz reply comes before more than 64 KiB are sent.
func TestStoreRefusals(t *testing.T) {
	for name, greeting := range greetings {
		for _, size := range []int{0, 5000, 1 << 20} {
			t.Run(fmt.Sprintf("%s/%d", name, size), func(t *testing.T) {
				srv := tree(t)
				srv.Greeting(greeting)
				p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Connections = 1 })
				store := func(name string, known bool) error {
					o := ftpconn.StoreOptions{Size: -1}
					if known {
						o.Size = int64(size)
					}
					_, err := send(t, p, name, content(size), o, ftpconn.Settled{Size: int64(size), Time: modTime})
					return err
				}
				for _, known := range []bool{true, false} {
					for _, test := range []struct {
						name string
						bend func()
						want error
					}{
						{"/empty", nil, ftpconn.ErrIsDir},
						{"/none/x", nil, fs.ErrNotExist},
						{"/file/x", nil, ftpconn.ErrNotDir},
						{"/file", func() { srv.ReplyNext("STOR", "550 No.\r\n") }, fs.ErrPermission},
						{"/new", func() { srv.ReplyNext("STOR", "553 No.\r\n") }, fs.ErrPermission},
						{"/new", func() { srv.ReplyNext("STOR", "452 Full.\r\n") }, ftpconn.ErrNoSpace},
						{"/new", func() { srv.ReplyNext("STOR", "552 Full.\r\n") }, ftpconn.ErrQuota},
						{"/new", func() { srv.ReplyNext("STOR", "502 Read only.\r\n") }, ftpconn.ErrNotSupported},
						{"/a\nb", nil, ftpconn.ErrName},
					} {
						if test.bend != nil {
							test.bend()
						}
						if err := store(test.name, known); !errors.Is(err, test.want) {
							t.Errorf("%s: %v, want %v", test.name, err, test.want)
						}
						if err := store("/good", known); err != nil {
							t.Errorf("afterwards: %v", err)
						}
					}
				}
				if n := srv.Accepted(); n != 1 {
					t.Errorf("%d control connections", n)
				}
			})
		}
	}
}

// What ends an upload badly is an error, and a right one.
func TestStoreFaults(t *testing.T) {
	for name, test := range map[string]struct {
		plan ftptest.Plan
		want error // nil: success
	}{
		"426 at the end":            {ftptest.Plan{Final: "426 Broken.\r\n"}, errAny},
		"451 at the end":            {ftptest.Plan{Final: "451 Failure.\r\n"}, errAny},
		"452 at the end":            {ftptest.Plan{Final: "452 Full.\r\n"}, ftpconn.ErrNoSpace},
		"552 at the end":            {ftptest.Plan{Final: "552 Full.\r\n"}, ftpconn.ErrQuota},
		"451 with a reason":         {ftptest.Plan{Final: "451 No space left on device.\r\n"}, ftpconn.ErrNoSpace},
		"cut, but 226":              {ftptest.Plan{Limit: 1000}, ftpconn.ErrShort},
		"cut at once, but 226":      {ftptest.Plan{CutAtOnce: true}, ftpconn.ErrShort},
		"full in the middle":        {ftptest.Plan{Limit: 1000, Final: "552 Full.\r\n"}, ftpconn.ErrQuota},
		"hangs up in the middle":    {ftptest.Plan{Limit: 1000, HangUp: true}, ftpconn.ErrShort},
		"stalls":                    {ftptest.Plan{Stall: 1000}, errAny},
		"226 is lost":               {ftptest.Plan{NoFinal: true}, nil},
		"226 is lost with the line": {ftptest.Plan{HangUp: true}, nil},
		"150 twice":                 {ftptest.Plan{Final: "150 Still.\r\n226 Done.\r\n"}, nil},
		"125":                       {ftptest.Plan{Start: "125 Go.\r\n", Early: true}, nil},
		"late":                      {ftptest.Plan{Delay: 200 * time.Millisecond}, nil},
	} {
		for greetingName, greeting := range greetings {
			for _, size := range []int{5000, 1 << 20} {
				for _, verb := range []string{"STOR", "APPE"} {
					slow := test.plan.Stall > 0 || test.plan.NoFinal
					if greetingName == "ProFTPD" || (verb == "APPE" || slow) && greetingName != "in order" {
						continue // like others
					}
					t.Run(fmt.Sprintf("%s/%s/%d/%s", name, greetingName, size, verb), func(t *testing.T) {
						t.Parallel()
						srv := tree(t)
						srv.Greeting(greeting)
						p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Timeout = time.Second })
						srv.Plan(verb, test.plan)
						o := ftpconn.StoreOptions{Append: verb == "APPE", Size: -1}
						want := content(size)
						if o.Append {
							want = append([]byte("old"), want...)
						}
						_, err := send(t, p, "/file", content(size), o, ftpconn.Settled{Size: int64(len(want))})
						if test.want == nil {
							if got, _ := srv.ReadFile("/file"); err != nil || !bytes.Equal(got, want) {
								t.Errorf("%v; %d bytes arrived", err, len(got))
							}
						} else if err == nil || test.want != errAny && !errors.Is(err, test.want) || ftpconn.Final(err) {
							t.Errorf("%v, want %v", err, test.want)
						}
						srv.Plan(verb, ftptest.Plan{})
						if _, err := send(t, p, "/other file", content(size), ftpconn.StoreOptions{Size: -1}, ftpconn.Settled{Size: int64(size)}); err != nil {
							t.Errorf("afterwards: %v", err)
						}
					})
				}
			}
		}
	}
}

var errAny = errors.New("any error")

// Wherever the connection breaks around the command, the file comes once, and
// as a whole.
func TestStoreOverBrokenConnections(t *testing.T) {
	for name, fault := range map[string]func(s *ftptest.Script, verb string){
		"before the command":    func(s *ftptest.Script, verb string) { s.Drop(verb, false) },
		"all replies are lost":  func(s *ftptest.Script, verb string) { s.Drop(verb, true) },
		"while it is idle":      func(s *ftptest.Script, _ string) { s.CloseConnections() },
		"421":                   func(s *ftptest.Script, verb string) { s.ReplyNext(verb, "421 Bye.\r\n") },
		"no data connection":    func(s *ftptest.Script, verb string) { s.ReplyNext(verb, "425 Try again.\r\n") },
		"behind the file, MLST": func(s *ftptest.Script, _ string) { s.Drop("MLST", false) },
	} {
		for greetingName, greeting := range greetings {
			for _, verb := range []string{"STOR", "APPE"} {
				t.Run(fmt.Sprintf("%s/%s/%s", name, greetingName, verb), func(t *testing.T) {
					srv := tree(t)
					srv.Greeting(greeting)
					p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Timeout = 2 * time.Second })
					if strings.HasPrefix(name, "all") && strings.HasPrefix(greetingName, "one") {
						t.Skip("the content is sent when the server asks for it")
					}
					fault(srv, verb)
					want := content(5000)
					if verb == "APPE" {
						want = append([]byte("old"), want...)
					}
					_, err := send(t, p, "/file", content(5000), ftpconn.StoreOptions{Size: -1, Append: verb == "APPE"},
						ftpconn.Settled{Size: int64(len(want)), Time: modTime})
					if got, _ := srv.ReadFile("/file"); err != nil || !bytes.Equal(got, want) {
						t.Errorf("%v; %d bytes", err, len(got))
					}
				})
			}
		}
	}
}

// A server that loses content which comes before it has asked for it is sent
// none such again.
func TestStoreAheadIsGivenUp(t *testing.T) {
	srv := tree(t)
	lost := 0
	srv.Handle("STOR", func(c *ftptest.Session, arg string) {
		if lost++; lost == 1 {
			srv.Plan("STOR", ftptest.Plan{CutAtOnce: true})
		} else {
			srv.Plan("STOR", ftptest.Plan{Early: true})
		}
		c.Default("STOR", arg)
	})
	p := connect(t, srv.Host, srv.Port, nil)
	for range 3 {
		if _, err := send(t, p, "/f", content(5000), ftpconn.StoreOptions{Size: -1}, ftpconn.Settled{Size: 5000}); err != nil {
			t.Error(err)
		}
	}
}

// An upload that is given up, at any time, leaves the pool as it was.
func TestStoreAbort(t *testing.T) {
	for name, greeting := range greetings {
		t.Run(name, func(t *testing.T) {
			srv := tree(t)
			srv.Greeting(greeting)
			p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Connections = 1 })
			for _, size := range []int{0, 5000, 1 << 20} {
				u, err := p.Store(t.Context(), "/f", ftpconn.StoreOptions{Size: int64(size)})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := u.Write(content(size)); err != nil {
					t.Error(err)
				}
				u.Abort()
				u.Abort()
				if _, err := u.Write(content(1)); !errors.Is(err, ftpconn.ErrClosed) {
					t.Errorf("Write: %v", err)
				}
				if _, err := u.Commit(t.Context(), ftpconn.Settled{Size: -1}); !errors.Is(err, ftpconn.ErrClosed) {
					t.Errorf("Commit: %v", err)
				}
				if l, err := p.List(t.Context(), "/", ftpconn.LaneMeta); err != nil || len(l.Entries) == 0 {
					t.Errorf("afterwards: %v", err)
				}
			}
			// While Commit waits for the last word.
			srv.Plan("STOR", ftptest.Plan{NoFinal: true})
			for _, size := range []int{5000, 1 << 20} {
				u, err := p.Store(t.Context(), "/f", ftpconn.StoreOptions{Size: int64(size)})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := u.Write(content(size)); err != nil {
					t.Error(err)
				}
				time.AfterFunc(50*time.Millisecond, u.Abort)
				if _, err := u.Commit(t.Context(), ftpconn.Settled{Size: -1}); !errors.Is(err, ftpconn.ErrClosed) {
					t.Errorf("Commit: %v", err)
				}
				u, err = p.Store(t.Context(), "/f", ftpconn.StoreOptions{Size: int64(size)})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := u.Write(content(size)); err != nil {
					t.Error(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				if _, err := u.Commit(ctx, ftpconn.Settled{Size: -1}); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Commit: %v", err)
				}
				cancel()
			}
			srv.Plan("STOR", ftptest.Plan{})
			if _, err := send(t, p, "/f", content(5000), ftpconn.StoreOptions{Size: -1}, ftpconn.Settled{Size: 5000}); err != nil {
				t.Error(err)
			}
		})
	}
}

// A server that takes nothing any more ends a Write, as do Abort and the end of
// the pool.
func TestStoreThatStalls(t *testing.T) {
	for name, end := range map[string]func(p *ftpconn.Pool, u ftpconn.Upload){
		"timeout": func(*ftpconn.Pool, ftpconn.Upload) {},
		"Abort":   func(_ *ftpconn.Pool, u ftpconn.Upload) { u.Abort() },
		"Close":   func(p *ftpconn.Pool, _ ftpconn.Upload) { _ = p.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			srv := tree(t)
			srv.Plan("STOR", ftptest.Plan{Stall: 100_000})
			p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) {
				if name == "timeout" {
					c.Timeout = 500 * time.Millisecond
				}
			})
			u, err := p.Store(t.Context(), "/f", ftpconn.StoreOptions{Size: 1 << 30})
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(100*time.Millisecond, func() { end(p, u) })
			piece := content(1 << 20)
			for err == nil {
				_, err = u.Write(piece)
			}
			if name == "timeout" && !errors.Is(err, ftpconn.ErrTimeout) || name == "Abort" && !errors.Is(err, ftpconn.ErrClosed) {
				t.Errorf("got %v", err)
			}
			u.Abort()
		})
	}
}

// An offset that the server keeps from a read is not where an upload begins.
func TestStoreAfterRest(t *testing.T) {
	srv := tree(t)
	srv.WriteFile("/big", content(5000), modTime)
	p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Connections = 1 })
	srv.Handle("RETR", func(c *ftptest.Session, arg string) {
		rest := c.Rest
		c.Default("RETR", arg)
		c.Rest = rest // as some servers do
	})
	for _, size := range []int{1000, 100_000} {
		if _, err := read(t.Context(), p, "/big", ftpconn.RetrOptions{Offset: 500, Length: -1, Size: 5000}); err != nil {
			t.Fatal(err)
		}
		if _, err := send(t, p, "/f", content(size), ftpconn.StoreOptions{Size: -1}, ftpconn.Settled{Size: int64(size)}); err != nil {
			t.Error(err)
		}
		if got, _ := srv.ReadFile("/f"); !bytes.Equal(got, content(size)) {
			t.Errorf("%d bytes", len(got))
		}
	}
}

// A slow line is not a dead one: what the server takes late is progress.
func TestStoreOverASlowLine(t *testing.T) {
	srv := tree(t)
	srv.Handle("STOR", func(c *ftptest.Session, _ string) {
		conn, err := c.Open()
		if err != nil {
			return
		}
		c.Reply(150, "Go.")
		piece, total := make([]byte, 256<<10), 0
		for {
			n, err := conn.Read(piece)
			total += n
			if err != nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		_ = conn.Close()
		srv.WriteFile("/f", content(total), modTime)
		c.Reply(226, "Done.")
	})
	p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Timeout = 1500 * time.Millisecond })
	const size = 32 << 20
	if _, err := send(t, p, "/f", content(size), ftpconn.StoreOptions{Size: size}, ftpconn.Settled{Size: size}); err != nil {
		t.Error(err)
	}
	u, err := p.Store(t.Context(), "/f", ftpconn.StoreOptions{Size: size})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.SendFile(fileOf(t, content(size)), 0, size); err != nil {
		t.Error(err)
	}
	if _, err := u.Commit(t.Context(), ftpconn.Settled{Size: size}); err != nil {
		t.Error(err)
	}
}
