package ftpconn_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest"
	"ftpfs/ftpconn/ftptest/realserver"
	"ftpfs/ftpconn/listing"

	"github.com/google/go-cmp/cmp"
)

// byName forgets the order of entries: ProFTPD does not sort MLSD.
var byName = cmp.Transformer("byName", func(entries []ftpconn.Entry) map[string]ftpconn.Entry {
	m := make(map[string]ftpconn.Entry)
	for _, e := range entries {
		m[e.Name] = e
	}
	return m
})

// What real servers list by STAT is what they list by LIST or MLSD.
func TestListManyIsWhatListSays(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{root, filepath.Dir(root)} { // for the servers' users
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var dirs []string
	for d := range 12 {
		dir := fmt.Sprintf("/sub%d/Grüße", d)
		if d%2 == 1 {
			dir = fmt.Sprintf("/sub %d/Grüße", d)
		}
		dirs = append(dirs, filepath.Dir(dir), dir)
		if err := os.MkdirAll(root+dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for f, name := range []string{"a", ".hidden", "two words", "-a", "日本語", "[x]", "a;b"} {
			full := filepath.Join(root, dir, name)
			if err := os.WriteFile(full, content(f*d), 0o644); err != nil {
				t.Fatal(err)
			}
			when := time.Now().Add(-time.Duration(d*f) * 40 * 24 * time.Hour)
			if err := os.Chtimes(full, when, when); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, dir := range []string{"/empty", "/unreadable", "/link"} {
		if err := os.Mkdir(root+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("nowhere", root+"/link/dangling"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root+"/unreadable/f", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root+"/unreadable", 0o700); err != nil {
		t.Fatal(err)
	}
	known := len(dirs)
	dirs = append(dirs, "/empty", "/unreadable", "/link", "/nowhere")
	for _, kind := range realserver.All {
		t.Run(string(kind), func(t *testing.T) {
			srv := realserver.Start(t, kind, realserver.Options{Root: root})
			p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.User, c.Password = srv.User, srv.Password })
			all := p.ListMany(t.Context(), dirs, ftpconn.LaneSpeculative)
			for i, dir := range dirs {
				want, err := p.List(t.Context(), dir, ftpconn.LaneMeta)
				got := all[i]
				switch {
				case got == nil && kind == realserver.PureFTPd && strings.Contains(dir, " "):
				case got == nil && i < known:
					t.Errorf("%s: not listed", dir)
				case got == nil:
				case err != nil:
					t.Errorf("%s: %d entries, but it should be %v", dir, len(got.Entries), err)
				default:
					if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal), byName); diff != "" {
						t.Errorf("%s: by List (-) and by STAT (+):\n%s", dir, diff)
					}
				}
			}
		})
	}
}

// statServer answers to STAT of /0, /1, ... with what is given.
func statServer(t *testing.T, answers ...string) *ftpconn.Pool {
	srv := ftptest.NewScript(t)
	srv.Greeting("220 (vsFTPd 3.0.3)\r\n")
	srv.Disable("MLSD", "MLST")
	srv.Handle("STAT", func(s *ftptest.Session, arg string) {
		var i int
		if _, err := fmt.Sscanf(arg, "/%d", &i); err != nil || i >= len(answers) {
			s.Raw("213-Status follows:\r\n213 End of status\r\n")
			return
		}
		s.Raw(answers[i])
	})
	return connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Location = time.UTC })
}

const (
	statDir  = "drwxr-xr-x    2 0        0            4096 Nov 24 2020 .\r\n"
	statFile = "-rw-r--r--    1 0        0               2 Nov 24 2020 "
)

func status(lines string) string { return "213-Status follows:\r\n" + lines + "213 End of status\r\n" }

func listMany(t *testing.T, answers ...string) []string {
	t.Helper()
	p := statServer(t, answers...)
	var dirs, got []string
	for i := range answers {
		dirs = append(dirs, fmt.Sprintf("/%d", i))
	}
	for _, l := range p.ListMany(t.Context(), dirs, ftpconn.LaneSpeculative) {
		if l == nil {
			got = append(got, "?")
			continue
		}
		got = append(got, strings.Join(names(l), ","))
	}
	return got
}

// A reply that does not show all of a directory without doubt is not used, and
// what does not parse spoils the whole batch.
func TestListManyDoubts(t *testing.T) {
	good := status(statDir + statFile + "good\r\n")
	for name, test := range map[string]struct {
		answers []string
		want    []string
	}{
		"good":                                {[]string{good, status(statDir)}, []string{"good", ""}},
		"nothing":                             {[]string{good, status("")}, []string{"good", "?"}},
		"the directory itself":                {[]string{status(statFile + "1\r\n"), good}, []string{"?", "good"}},
		"refused":                             {[]string{"550 No.\r\n", good}, []string{"?", "good"}},
		"not implemented":                     {[]string{"502 What?\r\n", "502 What?\r\n"}, []string{"?", "?"}},
		"line feed in a name":                 {[]string{status(statDir + statFile + "a\n213 End\r\n"), good}, []string{"a\n213 End", "good"}},
		"line break in a name":                {[]string{status(statDir + statFile + "a\r\n213 End\r\n"), good}, []string{"?", "?"}},
		"forged reply":                        {[]string{status(statDir + statFile + "a\r\n213 End\r\n213-Status\r\n" + statDir), good}, []string{"?", "?"}},
		"does not parse":                      {[]string{good, status(statDir + "what is this\r\n")}, []string{"?", "?"}},
		"goodbye":                             {[]string{good, "421 Bye.\r\n"}, []string{"?", "?"}},
		"no reply":                            {[]string{good, "what\r\n"}, []string{"?", "?"}},
		"a byte that telnet may have doubled": {[]string{good, status(statDir + statFile + "\xff\r\n")}, []string{"good", "?"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := listMany(t, test.answers...); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// A server whose replies were out of order is not asked again.
func TestListManyIsGivenUp(t *testing.T) {
	p := statServer(t, "213-Status\r\n"+statDir+"what is this\r\n213 End\r\n", status(statDir))
	for _, dir := range []string{"/0", "/1"} {
		if l := p.ListMany(t.Context(), []string{dir}, ftpconn.LaneSpeculative); l[0] != nil {
			t.Errorf("%s: %+v", dir, l[0])
		}
	}
	if _, err := p.List(t.Context(), "/", ftpconn.LaneMeta); err != nil {
		t.Error(err)
	}
}

// Thousands of commands in one write, and megabytes of replies, must not make
// both sides wait for each other.
func TestListManyOfLargeDirectories(t *testing.T) {
	var b strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&b, "%sfile%05d\r\n", statFile, i)
	}
	answers := make([]string, 12)
	for i := range answers {
		answers[i] = status(statDir + b.String())
	}
	for i, got := range listMany(t, answers...) {
		if n := strings.Count(got, ",") + 1; n != 10_000 {
			t.Errorf("%d: %d entries", i, n)
		}
	}
}

// Two round trips for any number of directories.
func TestListManyRoundTrips(t *testing.T) {
	srv := ftptest.NewScript(t)
	srv.Greeting("220 (vsFTPd 3.0.3)\r\n")
	srv.Disable("MLSD", "MLST")
	srv.Handle("STAT", func(s *ftptest.Session, arg string) {
		s.Raw(status(statDir + statFile + "a\r\n" + statFile + "b\r\n"))
	})
	var dirs []string
	for i := range 100 {
		srv.WriteFile(fmt.Sprintf("/%d/a", i), nil, modTime)
		srv.WriteFile(fmt.Sprintf("/%d/b", i), nil, modTime)
		dirs = append(dirs, fmt.Sprintf("/%d", i))
	}
	p := connect(t, srv.Host, srv.Port, nil)
	eventually(t, "a hot connection", func() bool { return srv.Count("EPSV") > 0 })
	srv.ResetCommands()
	for i, l := range p.ListMany(t.Context(), dirs, ftpconn.LaneSpeculative) {
		if l == nil || len(l.Entries) != 2 || !l.Entries[1].ModTime.Equal(modTime) || l.Entries[1].ModPrec != listing.Second {
			t.Fatalf("%d: %+v", i, l)
		}
	}
	if got := srv.Count("MDTM"); got != 200 {
		t.Errorf("%d times were asked for", got)
	}
	if got := srv.Turns(); got > 4 { // 100 STAT and 200 MDTM; a large write may arrive in two parts
		t.Errorf("%d turns", got)
	}
}
