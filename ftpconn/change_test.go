package ftpconn_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest"
)

// tree is a scripted server with something of everything.
func tree(t *testing.T) *ftptest.Script {
	srv := ftptest.NewScript(t)
	srv.WriteFile("/file", []byte("old"), modTime)
	srv.WriteFile("/other", []byte("other"), modTime)
	srv.WriteFile("/full/.hidden", []byte("x"), modTime)
	srv.WriteFile("/tree/sub/file", []byte("x"), modTime)
	srv.Mkdir("/empty")
	return srv
}

func exists(srv *ftptest.Script, name string) bool {
	_, _, err := srv.Stat(name)
	return err == nil
}

// one is a change, with what it leaves.
type one struct {
	name string
	verb string // that makes it
	do   func(p *ftpconn.Pool, t *testing.T) error
	done func(srv *ftptest.Script) bool
}

var ones = []one{
	{"rm", "DELE", func(p *ftpconn.Pool, t *testing.T) error { return p.Remove(t.Context(), "/file") },
		func(srv *ftptest.Script) bool { return !exists(srv, "/file") }},
	{"rmdir", "RMD", func(p *ftpconn.Pool, t *testing.T) error { return p.Rmdir(t.Context(), "/empty") },
		func(srv *ftptest.Script) bool { return !exists(srv, "/empty") }},
	{"mkdir", "MKD", func(p *ftpconn.Pool, t *testing.T) error { return p.Mkdir(t.Context(), "/new") },
		func(srv *ftptest.Script) bool { return exists(srv, "/new") }},
	{"mv", "RNTO", func(p *ftpconn.Pool, t *testing.T) error { return p.Rename(t.Context(), "/tree", "/moved") },
		func(srv *ftptest.Script) bool { return !exists(srv, "/tree") && exists(srv, "/moved/sub/file") }},
	{"time", "MFMT", func(p *ftpconn.Pool, t *testing.T) error {
		return p.SetTime(t.Context(), "/file", modTime.Add(time.Hour))
	}, func(srv *ftptest.Script) bool {
		when, _, err := srv.Stat("/file")
		return err == nil && when.Equal(modTime.Add(time.Hour))
	}},
	{"mode", "SITE", func(p *ftpconn.Pool, t *testing.T) error { return p.SetMode(t.Context(), "/file", 0o600) },
		func(srv *ftptest.Script) bool {
			_, mode, err := srv.Stat("/file")
			return err == nil && mode == 0o600
		}},
	{"symlink", "SITE", func(p *ftpconn.Pool, t *testing.T) error { return p.Symlink(t.Context(), "file", "/link") },
		func(srv *ftptest.Script) bool { return exists(srv, "/link") }},
}

// Each change costs one round trip.
func TestChangeRoundTrips(t *testing.T) {
	for _, test := range ones {
		t.Run(test.name, func(t *testing.T) {
			srv := tree(t)
			p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Connections = 1 })
			eventually(t, "a hot connection", func() bool { return srv.Count("EPSV") > 0 })
			srv.ResetCommands()
			if err := test.do(p, t); err != nil {
				t.Fatal(err)
			}
			if got := srv.Turns(); got != 1 || !test.done(srv) {
				t.Errorf("%d turns, done: %v: %q", got, test.done(srv), srv.Commands())
			}
		})
	}
}

// Wherever the connection breaks, a change is made once and known to be.
func TestChangeOverBrokenConnections(t *testing.T) {
	for _, test := range ones {
		for name, fault := range map[string]func(*ftptest.Script){
			"before":              func(s *ftptest.Script) { s.Drop(test.verb, false) },
			"after":               func(s *ftptest.Script) { s.Drop(test.verb, true) },
			"before, three times": func(s *ftptest.Script) { s.Drop(test.verb, false); s.Drop(test.verb, false); s.Drop(test.verb, false) },
			"idle":                func(s *ftptest.Script) { s.CloseConnections() },
			"421":                 func(s *ftptest.Script) { s.ReplyNext(test.verb, "421 Bye.\r\n") },
		} {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				srv := tree(t)
				p := connect(t, srv.Host, srv.Port, nil)
				fault(srv)
				if err := test.do(p, t); err != nil || !test.done(srv) {
					t.Errorf("%v, done: %v", err, test.done(srv))
				}
			})
		}
	}
}

// After a timeout there is a look, and no other try.
func TestChangeThatIsNotAnswered(t *testing.T) {
	for _, test := range ones {
		for _, executed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/executed=%v", test.name, executed), func(t *testing.T) {
				srv := tree(t)
				p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Timeout = 300 * time.Millisecond })
				srv.Silence(test.verb, executed)
				err := test.do(p, t)
				if executed && err != nil || !executed && !errors.Is(err, ftpconn.ErrTimeout) {
					t.Errorf("got %v", err)
				}
				if test.done(srv) != executed || srv.Count(test.verb) != 1 || ftpconn.Final(err) {
					t.Errorf("done: %v, final: %v, %q", test.done(srv), ftpconn.Final(err), srv.Commands())
				}
			})
		}
	}
}

// What is refused at the first try is refused.
func TestRefusedChanges(t *testing.T) {
	for _, mlsd := range []bool{true, false} {
		for _, queue := range []bool{true, false} {
			t.Run(fmt.Sprintf("MLSD=%v, queue=%v", mlsd, queue), func(t *testing.T) {
				srv := tree(t)
				if !mlsd {
					srv.Disable("MLSD", "MLST")
				}
				if !queue {
					srv.Greeting("220 Microsoft FTP Service\r\n")
				}
				p := connect(t, srv.Host, srv.Port, nil)
				ctx := t.Context()
				for _, test := range []struct {
					name string
					err  error
					want error
				}{
					{"rm of nothing", p.Remove(ctx, "/none"), fs.ErrNotExist},
					{"rm in nothing", p.Remove(ctx, "/none/x"), fs.ErrNotExist},
					{"rm in a file", p.Remove(ctx, "/file/x"), ftpconn.ErrNotDir},
					{"rm of a directory", p.Remove(ctx, "/empty"), ftpconn.ErrIsDir},
					{"rmdir of nothing", p.Rmdir(ctx, "/none"), fs.ErrNotExist},
					{"rmdir of a file", p.Rmdir(ctx, "/file"), ftpconn.ErrNotDir},
					{"rmdir of a full one", p.Rmdir(ctx, "/full"), ftpconn.ErrNotEmpty},
					{"mkdir of a file", p.Mkdir(ctx, "/file"), fs.ErrExist},
					{"mkdir of a directory", p.Mkdir(ctx, "/empty"), fs.ErrExist},
					{"mkdir in nothing", p.Mkdir(ctx, "/none/x"), fs.ErrNotExist},
					{"mkdir in a file", p.Mkdir(ctx, "/file/x"), ftpconn.ErrNotDir},
					{"mv of nothing", p.Rename(ctx, "/none", "/x"), fs.ErrNotExist},
					{"mv of nothing onto a file", p.Rename(ctx, "/none", "/file"), fs.ErrNotExist},
					{"mv into nothing", p.Rename(ctx, "/file", "/none/x"), fs.ErrNotExist},
					{"mv into a file", p.Rename(ctx, "/file", "/other/x"), ftpconn.ErrNotDir},
					{"mv onto a full directory", p.Rename(ctx, "/tree", "/full"), ftpconn.ErrNotEmpty},
					{"mv of a file onto a directory", p.Rename(ctx, "/file", "/empty"), ftpconn.ErrIsDir},
					{"time of nothing", p.SetTime(ctx, "/none", modTime), fs.ErrNotExist},
					{"mode of nothing", p.SetMode(ctx, "/none", 0o600), fs.ErrNotExist},
					{"symlink onto a file", p.Symlink(ctx, "x", "/file"), fs.ErrExist},
					{"symlink in nothing", p.Symlink(ctx, "x", "/none/x"), fs.ErrNotExist},
					{"a name with CR LF", p.Rename(ctx, "/file", "/x\r\nDELE /other"), ftpconn.ErrName},
				} {
					if !errors.Is(test.err, test.want) || !ftpconn.Final(test.err) {
						t.Errorf("%s: %v, want %v", test.name, test.err, test.want)
					}
				}
				srv.KeepTargets(true)
				if err := p.Rename(ctx, "/file", "/other"); !errors.Is(err, fs.ErrExist) {
					t.Errorf("mv onto a file where that is refused: %v", err)
				}
				srv.Reply("DELE", "550 No.\r\n")
				srv.Reply("MKD", "550 No.\r\n")
				srv.Reply("RMD", "550 No.\r\n")
				srv.Reply("RNFR", "550 No.\r\n")
				srv.Reply("MFMT", "550 No.\r\n")
				for name, err := range map[string]error{
					"rm": p.Remove(ctx, "/file"), "mkdir": p.Mkdir(ctx, "/new"), "rmdir": p.Rmdir(ctx, "/empty"),
					"mv": p.Rename(ctx, "/file", "/new"), "time": p.SetTime(ctx, "/file", modTime),
				} {
					if !errors.Is(err, fs.ErrPermission) {
						t.Errorf("%s that is refused without a reason: %v", name, err)
					}
				}
			})
		}
	}
}

// Words of a reply decide where its code does not.
func TestReasonsOfRefusals(t *testing.T) {
	srv := tree(t)
	p := connect(t, srv.Host, srv.Port, nil)
	for _, test := range []struct {
		reply string
		want  error // nil: not known
		final bool
	}{
		{"450 file: Permission denied", fs.ErrPermission, true},
		{"451 file: Operation not permitted", fs.ErrPermission, true},
		{"450 file: Read-only file system", fs.ErrPermission, true},
		{"450 file: Text file busy", nil, false},
		{"550 file: No space left on device", ftpconn.ErrNoSpace, false},
		{"451 Disk full", ftpconn.ErrNoSpace, false},
		{"552 Too much", ftpconn.ErrQuota, false},
		{"452 Too much", ftpconn.ErrNoSpace, false},
		{"550 Disk quota exceeded", ftpconn.ErrQuota, false},
		{"502 DELE is not implemented", ftpconn.ErrNotSupported, true},
		{"550 No", fs.ErrPermission, true},
		{"553 Name not allowed", fs.ErrPermission, true},
	} {
		srv.ReplyNext("DELE", test.reply+"\r\n")
		err := p.Remove(t.Context(), "/file")
		if err == nil || test.want != nil && !errors.Is(err, test.want) || ftpconn.Final(err) != test.final {
			t.Errorf("%s: %v, final: %v", test.reply, err, ftpconn.Final(err))
		}
	}
	// A name is not a reason.
	srv.WriteFile("/no space left", nil, modTime)
	srv.ReplyNext("DELE", "550 /no space left: No\r\n")
	if err := p.Remove(t.Context(), "/no space left"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

func TestFinal(t *testing.T) {
	for _, err := range []error{nil, ftpconn.ErrTimeout, ftpconn.ErrShort, ftpconn.ErrNoSpace, ftpconn.ErrQuota, ftpconn.ErrLogin,
		fmt.Errorf("%w: %w", ftpconn.ErrUnreachable, fs.ErrPermission), ftpconn.ErrClosed, &ftpconn.ProtocolError{},
		&ftpconn.Error{Code: 450}, &ftpconn.Error{Code: 421, Kind: ftpconn.ErrUnreachable}, errors.New("broken pipe")} {
		if ftpconn.Final(err) {
			t.Errorf("final: %v", err)
		}
	}
	for _, err := range []error{ftpconn.ErrName, ftpconn.ErrNotSupported, &ftpconn.Error{Code: 450, Kind: fs.ErrPermission},
		&ftpconn.Error{Code: 550}, fmt.Errorf("x: %w", &ftpconn.Error{Code: 550, Kind: ftpconn.ErrNotEmpty})} {
		if !ftpconn.Final(err) {
			t.Errorf("not final: %v", err)
		}
	}
}

// Whatever way a server has to set times is found, and then used alone.
func TestWaysToSetTimes(t *testing.T) {
	for name, test := range map[string]struct {
		bend func(*ftptest.Script)
		want string // what is sent at the second time; "": nothing works
	}{
		"MFMT":                  {func(s *ftptest.Script) {}, "MFMT"},
		"MFMT in FEAT is a lie": {func(s *ftptest.Script) { s.Features("MFMT", "MDTM"); s.Disable("MFMT"); s.SetByMDTM(true) }, "MDTM"},
		"no FEAT":               {func(s *ftptest.Script) { s.Disable("FEAT", "MFMT"); s.SetByMDTM(true) }, "MDTM"},
		"MDTM":                  {func(s *ftptest.Script) { s.Disable("MFMT", "MLST", "MLSD"); s.SetByMDTM(true) }, "MDTM"},
		"SITE UTIME":            {func(s *ftptest.Script) { s.Disable("MFMT") }, "SITE"},
		"the other SITE UTIME": {func(s *ftptest.Script) {
			s.Disable("MFMT")
			s.Handle("SITE", func(c *ftptest.Session, arg string) {
				if len(arg) > 4 && arg[len(arg)-4:] == " UTC" {
					c.Default("SITE", arg)
					return
				}
				c.Reply(501, "What?")
			})
		}, "SITE"},
		"nothing": {func(s *ftptest.Script) { s.Disable("MFMT", "SITE", "MDTM") }, ""},
		"MDTM does not set it": {func(s *ftptest.Script) {
			s.Disable("MFMT", "SITE")
			s.Handle("MDTM", func(c *ftptest.Session, _ string) { c.Reply(213, "20240506070809") })
		}, ""},
		"202": {func(s *ftptest.Script) { s.Disable("MFMT", "MDTM"); s.Reply("SITE", "202 Not here.\r\n") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			srv := tree(t)
			test.bend(srv)
			p := connect(t, srv.Host, srv.Port, nil)
			for i := range 5 {
				want := modTime.Add(time.Duration(i+1) * time.Hour)
				srv.ResetCommands()
				err := p.SetTime(t.Context(), "/file", want)
				if test.want == "" {
					if !errors.Is(err, ftpconn.ErrNotSupported) || !ftpconn.Final(err) {
						t.Errorf("got %v", err)
					}
					continue
				}
				if when, _, _ := srv.Stat("/file"); err != nil || !when.Equal(want) {
					t.Errorf("%v, the time is %v", err, when)
				}
				if i > 0 && (srv.Count("MFMT", "MDTM", "SITE", "MLST") != 1 || srv.Count(test.want) != 1) {
					t.Errorf("%q", srv.Commands())
				}
			}
			if test.want == "" && srv.Count("MFMT", "MDTM", "SITE") > 0 {
				t.Errorf("it was tried again: %q", srv.Commands())
			}
		})
	}
}

// What a server does not know it is not asked for twice.
func TestWhatIsNotSupported(t *testing.T) {
	srv := tree(t)
	srv.Disable("SITE")
	p := connect(t, srv.Host, srv.Port, nil)
	ctx := t.Context()
	for i := range 2 {
		srv.ResetCommands()
		for name, err := range map[string]error{
			"mode": p.SetMode(ctx, "/file", 0o600), "symlink": p.Symlink(ctx, "file", "/link"),
			"copy": p.Copy(ctx, "/file", "/copy"),
		} {
			if !errors.Is(err, ftpconn.ErrNotSupported) || !ftpconn.Final(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := p.Space(ctx, "/"); !errors.Is(err, ftpconn.ErrNotSupported) {
			t.Errorf("space: %v", err)
		}
		if got := srv.Count("SITE", "AVBL"); i == 0 && got != 2 || i == 1 && got != 0 {
			t.Errorf("%q", srv.Commands())
		}
	}
}

func TestCopyAndSpace(t *testing.T) {
	srv := tree(t)
	srv.Greeting("220 ProFTPD Server (x)\r\n")
	srv.Space(123456)
	p := connect(t, srv.Host, srv.Port, nil)
	ctx := t.Context()
	for _, to := range []string{"/a", "/b", "/a"} {
		if err := p.Copy(ctx, "/file", to); err != nil {
			t.Fatal(err)
		}
		if got, err := srv.ReadFile(to); err != nil || string(got) != "old" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if got := srv.Count("SITE"); got != 7 { // HELP once
		t.Errorf("%q", srv.Commands())
	}
	if err := p.Copy(ctx, "/none", "/c"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("copy of nothing: %v", err)
	}
	if err := p.Copy(ctx, "/file", "/none/c"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("copy into nothing: %v", err)
	}
	if free, err := p.Space(ctx, "/"); err != nil || free != 123456 {
		t.Errorf("space: %d, %v", free, err)
	}
	if _, err := p.Space(ctx, "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("space in nothing: %v", err)
	}
	quota := tree(t)
	quota.Greeting("220 ProFTPD Server (x)\r\n")
	quota.Reply("SITE", "200-The current quota for this session are [current/limit]:\r\n  Name: joe\r\n"+
		"  Uploaded Kb:\t1.50/10.00\r\n  Uploaded files:\tunlimited\r\n200 End\r\n")
	p = connect(t, quota.Host, quota.Port, nil)
	if free, err := p.Space(ctx, "/"); err != nil || free != 8704 {
		t.Errorf("quota: %d, %v", free, err)
	}
}
