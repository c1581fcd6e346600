package ftpconn_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest"
	"ftpfs/ftpconn/listing"

	"golang.org/x/text/encoding/charmap"
)

// script returns a scripted server with a directory and a file in it.
func script(t *testing.T) *ftptest.Script {
	srv := ftptest.NewScript(t)
	srv.WriteFile("/dir/file", content(5000), modTime)
	return srv
}

// works reads the tree of script as far as it goes.
func works(t *testing.T, srv *ftptest.Script, change func(*ftpconn.Config)) *ftpconn.Pool {
	t.Helper()
	p := connect(t, srv.Host, srv.Port, change)
	for range 2 {
		l, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta)
		if err != nil || !slices.Equal(names(l), []string{"file"}) {
			t.Fatalf("listing: %+v, %v", l, err)
		}
		for _, offset := range []int64{0, 4000} {
			got, err := read(t.Context(), p, "/dir/file", ftpconn.RetrOptions{Offset: offset, Length: -1, Size: 5000})
			if err != nil || !bytes.Equal(got, content(5000)[offset:]) {
				t.Fatalf("content from %d: %d bytes, %v", offset, len(got), err)
			}
		}
	}
	return p
}

// Every oddity of a server that is not an error must not be seen.
func TestOddServersWork(t *testing.T) {
	for name, bend := range map[string]func(*ftptest.Script){
		"greeting 120 first":        func(s *ftptest.Script) { s.Greeting("120 in a minute\r\n220 now\r\n") },
		"greeting of several lines": func(s *ftptest.Script) { s.Greeting("220-Hello\r\n  530 not a reply\r\n221 nor this\r\n220 go\r\n") },
		"replies in single bytes":   func(s *ftptest.Script) { s.Split(1) },
		"replies end in LF":         func(s *ftptest.Script) { s.LineEnd("\n") },
		"no FEAT":                   func(s *ftptest.Script) { s.Disable("FEAT") },
		"no PWD":                    func(s *ftptest.Script) { s.Disable("PWD") },
		"no SYST":                   func(s *ftptest.Script) { s.Disable("SYST") },
		"no EPSV":                   func(s *ftptest.Script) { s.Disable("EPSV") },
		"no OPTS":                   func(s *ftptest.Script) { s.Disable("OPTS") },
		"no MLSD":                   func(s *ftptest.Script) { s.Disable("MLSD", "MLST") },
		"nothing but RFC 959":       func(s *ftptest.Script) { s.Disable("FEAT", "MLSD", "MLST", "EPSV", "SIZE", "MDTM", "OPTS", "MFMT") },
		"MLSD in FEAT is a lie":     func(s *ftptest.Script) { s.Features("MLSD", "MLST", "EPSV"); s.Disable("MLSD", "MLST") },
		"-a is a file name":         func(s *ftptest.Script) { s.Disable("MLSD", "MLST"); s.ListOptions(false) },
		"PASV names a foreign host": func(s *ftptest.Script) { s.Disable("EPSV"); s.PassiveHost("192.0.2.1") },
		"PASV names 0.0.0.0":        func(s *ftptest.Script) { s.Disable("EPSV"); s.PassiveHost("0.0.0.0") },
		"no REST": func(s *ftptest.Script) {
			s.Reply("REST", "502 Not here.\r\n")
		},
		"REST is refused otherwise": func(s *ftptest.Script) { s.Reply("REST", "550 Not today.\r\n") },
		"REST is ignored":           func(s *ftptest.Script) { s.Plan("RETR", ftptest.Plan{IgnoreRest: true}) },
		"150 before the connection": func(s *ftptest.Script) {
			for _, v := range []string{"RETR", "LIST", "MLSD"} {
				s.Plan(v, ftptest.Plan{Early: true})
			}
		},
		"no 150": func(s *ftptest.Script) { s.Plan("MLSD", ftptest.Plan{Start: "125 go\r\n"}) },
		"IIS": func(s *ftptest.Script) {
			s.Greeting("220 Microsoft FTP Service\r\n")
			s.Disable("MLSD", "MLST")
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := script(t)
			bend(srv)
			works(t, srv, nil)
		})
	}
}

func TestAccount(t *testing.T) {
	srv := script(t)
	srv.Login("joe", "secret", "dept")
	works(t, srv, func(c *ftpconn.Config) { c.User, c.Password, c.Account = "joe", "secret", "dept" })
	p := newPool(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.User, c.Password = "joe", "secret" })
	if err := p.Connect(t.Context()); !errors.Is(err, ftpconn.ErrLogin) {
		t.Errorf("without the account: %v", err)
	}
}

func TestActiveMode(t *testing.T) {
	srv := script(t)
	works(t, srv, func(c *ftpconn.Config) { c.Active = true })
	if srv.Count("PASV", "EPSV") > 0 || srv.Count("PORT") == 0 {
		t.Errorf("commands: %q", srv.Commands())
	}
}

func TestIPv6(t *testing.T) {
	srv := ftptest.NewScriptAt(t, "[::1]:0")
	srv.WriteFile("/dir/file", content(5000), modTime)
	works(t, srv, nil)
	works(t, srv, func(c *ftpconn.Config) { c.Active = true })
	if srv.Count("EPRT") == 0 {
		t.Errorf("commands: %q", srv.Commands())
	}
}

// Names that a server would expand, or take for options, are never arguments
// of a listing.
func TestOddNames(t *testing.T) {
	for _, mlsd := range []bool{true, false} {
		t.Run(fmt.Sprintf("MLSD=%v", mlsd), func(t *testing.T) {
			srv := ftptest.NewScript(t)
			srv.Globs(true)
			if !mlsd {
				srv.Disable("MLSD", "MLST")
			}
			odd := []string{"[x]", "*", "-a", " leading", "trailing ", "{a,b}", "~", "a;b", `"q"`, "\xff\xfe", strings.Repeat("n", 255), "%s", "x\ty"}
			for _, n := range odd {
				srv.WriteFile("/"+n+"/in "+n, []byte(n), modTime)
			}
			p := connect(t, srv.Host, srv.Port, nil)
			l, err := p.List(t.Context(), "/", ftpconn.LaneMeta)
			want := slices.Sorted(slices.Values(odd))
			if err != nil || !slices.Equal(names(l), want) {
				t.Fatalf("%q, %v\nwant %q", names(l), err, want)
			}
			for _, n := range odd {
				l, err := p.List(t.Context(), "/"+n, ftpconn.LaneMeta)
				if err != nil || !slices.Equal(names(l), []string{"in " + n}) {
					t.Errorf("%q: %v", n, err)
					continue
				}
				got, err := read(t.Context(), p, "/"+n+"/in "+n, ftpconn.RetrOptions{Length: -1, Size: -1})
				if err != nil || string(got) != n {
					t.Errorf("%q: content %q, %v", n, got, err)
				}
			}
		})
	}
}

func TestCharset(t *testing.T) {
	srv := ftptest.NewScript(t)
	srv.WriteFile("/Gr\xfc\xdfe/\xe4", []byte("x"), modTime)
	p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Charset = charmap.ISO8859_1 })
	l, err := p.List(t.Context(), "/Grüße", ftpconn.LaneMeta)
	if err != nil || !slices.Equal(names(l), []string{"ä"}) {
		t.Fatalf("%v, %v", l, err)
	}
	if got, err := read(t.Context(), p, "/Grüße/ä", ftpconn.RetrOptions{Length: -1, Size: -1}); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

// A listing that failed, was cut or could not be read is an error or is marked
// incomplete, and never an empty directory.
func TestBadListingsAreNotEmptyDirectories(t *testing.T) {
	long := strings.Repeat("-rw-r--r-- 1 u g 5 Jan 01 2024 some name\r\n", 10)
	for name, bend := range map[string]func(*ftptest.Script){
		"negative final reply": func(s *ftptest.Script) { s.Plan("LIST", ftptest.Plan{Final: "451 Disk error.\r\n"}) },
		"426":                  func(s *ftptest.Script) { s.Plan("LIST", ftptest.Plan{Limit: 10, Final: "426 Aborted.\r\n"}) },
		"reset": func(s *ftptest.Script) {
			s.Plan("LIST", ftptest.Plan{Limit: 10, Reset: true, Final: "426 Aborted.\r\n"})
		},
		"no final reply": func(s *ftptest.Script) { s.Plan("LIST", ftptest.Plan{NoFinal: true}) },
		"not a listing":  func(s *ftptest.Script) { s.Listing("LIST", "/dir", "<html>\r\n<body>hello\r\n") },
		"550":            func(s *ftptest.Script) { s.Reply("LIST", "550 No.\r\n") },
		"450":            func(s *ftptest.Script) { s.Reply("LIST", "450 Busy.\r\n") },
		"425":            func(s *ftptest.Script) { s.Reply("LIST", "425 No data connection.\r\n") },
		"421":            func(s *ftptest.Script) { s.Reply("LIST", "421 Bye.\r\n") },
		"too many entries": func(s *ftptest.Script) {
			s.Listing("LIST", "/dir", strings.Repeat("-rw-r--r-- 1 u g 5 Jan 01 2024 some name\r\n", 2000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := script(t)
			srv.Disable("MLSD", "MLST")
			p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Timeout, c.MaxEntries = 300*time.Millisecond, 1000 })
			srv.Listing("LIST", "/dir", long)
			bend(srv)
			l, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta)
			if err == nil || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %+v, %v", l, err)
			}
		})
	}
	t.Run("truncated", func(t *testing.T) {
		srv := script(t)
		srv.Plan("MLSD", ftptest.Plan{Final: "226-Options: -l\r\n226 Output truncated to 1 matches\r\n"})
		p := connect(t, srv.Host, srv.Port, nil)
		if l, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta); err != nil || l.Complete || l.Note == "" {
			t.Errorf("got %+v, %v", l, err)
		}
	})
	t.Run("one line not understood", func(t *testing.T) {
		srv := script(t)
		srv.Disable("MLSD", "MLST")
		srv.Listing("LIST", "/dir", "-rw-r--r-- 1 u g 5 Jan 01 2024 name\r\nwhat is this\r\n")
		p := connect(t, srv.Host, srv.Port, nil)
		if l, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta); err != nil || l.Complete || len(l.Entries) != 1 {
			t.Errorf("got %+v, %v", l, err)
		}
	})
}

// A cut transfer is never a short file.
func TestCutTransfers(t *testing.T) {
	for name, plan := range map[string]ftptest.Plan{
		"FIN and 226":        {Limit: 1000},
		"FIN and 426":        {Limit: 1000, Final: "426 Failure.\r\n"},
		"RST":                {Limit: 1000, Reset: true, Final: "426 Failure.\r\n"},
		"nothing at all":     {CutAtOnce: true, Final: "426 Failure.\r\n"},
		"stall":              {Stall: 1000},
		"all, then no reply": {NoFinal: true},
	} {
		for _, size := range []int64{5000, -1} {
			t.Run(fmt.Sprintf("%s, size %d", name, size), func(t *testing.T) {
				srv := script(t)
				p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Timeout = 300 * time.Millisecond })
				srv.Plan("RETR", plan)
				got, err := read(t.Context(), p, "/dir/file", ftpconn.RetrOptions{Length: -1, Size: size})
				switch {
				case name == "FIN and 226" && size < 0: // the server says that this is all
				case plan.NoFinal && size >= 0: // all the bytes are there
					if err != nil || len(got) != 5000 {
						t.Errorf("%d bytes, %v", len(got), err)
					}
				case err == nil:
					t.Errorf("%d bytes and no error", len(got))
				}
				if !bytes.HasPrefix(content(5000), got) {
					t.Error("wrong bytes")
				}
				srv.Plan("RETR", ftptest.Plan{})
				got, err = read(t.Context(), p, "/dir/file", ftpconn.RetrOptions{Length: -1, Size: 5000})
				if err != nil || len(got) != 5000 {
					t.Errorf("afterwards: %d bytes, %v", len(got), err)
				}
			})
		}
	}
}

// More than the known size is not read.
func TestEndlessTransferEndsAtSize(t *testing.T) {
	srv := script(t)
	srv.Plan("RETR", ftptest.Plan{Extra: strings.Repeat("more", 10_000)})
	p := connect(t, srv.Host, srv.Port, nil)
	got, err := read(t.Context(), p, "/dir/file", ftpconn.RetrOptions{Length: -1, Size: 5000})
	if err != nil || len(got) != 5000 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// The time zone of LIST is found by MDTM.
func TestListTimesAreLocal(t *testing.T) {
	srv := ftptest.NewScript(t)
	srv.Disable("MLSD", "MLST")
	srv.Location(time.FixedZone("there", 2*60*60))
	recent := time.Now().Add(-48 * time.Hour).Truncate(time.Minute).UTC()
	srv.WriteFile("/dir/file", content(10), recent)
	p := connect(t, srv.Host, srv.Port, nil)
	for range 2 {
		l, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta)
		if err != nil || len(l.Entries) != 1 || !l.Entries[0].ModTime.Equal(recent) || l.Entries[0].Type != listing.File {
			t.Fatalf("%+v, %v; want %v", l, err, recent)
		}
	}
	if n := srv.Count("MDTM"); n != 2 { // which tell the time zone as well
		t.Errorf("%d MDTM commands", n)
	}
}
