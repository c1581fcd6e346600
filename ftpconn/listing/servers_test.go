package listing

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the .golden files in testdata")

// captured is when the listings in testdata were made, all of the same tree.
var captured = time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)

// TestServers reads what vsftpd, ProFTPD, Pure-FTPd and pyftpdlib sent. The
// golden files say, with each server's own words, what it tells and what not:
// Pure-FTPd's MLSD has links without targets and FIFOs of unknown type,
// ProFTPD's has FIFOs as files.
func TestServers(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if err != nil || len(files) != 7 {
		t.Fatalf("%d listings, want 7 (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			entries := readServer(t, content, strings.HasSuffix(file, "mlsd.txt"))
			var b strings.Builder
			for _, e := range entries {
				b.WriteString(show(e) + "\n")
			}
			goldenFile := strings.TrimSuffix(file, ".txt") + ".golden"
			if *update {
				if err := os.WriteFile(goldenFile, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(goldenFile)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", b.String(), want)
			}
			checkTree(t, entries, untold[filepath.Base(file)])
		})
	}
}

// untold are the names that a server leaves out or garbles.
var untold = map[string][]string{
	"pure-ftpd-1.0.50-list.txt": {"fifo"},
	"proftpd-1.3.8-list.txt":    {".hidden"}, // without -a
	"proftpd-1.3.8-mlsd.txt":    {"dangling"},
	"pyftpdlib-1.5.7-list.txt":  {"latin-\xe9"}, // "latin-?"
	"pyftpdlib-1.5.7-mlsd.txt":  {"latin-\xe9", "dangling"},
}

func readServer(t *testing.T, content []byte, mlsd bool) (entries []Entry) {
	t.Helper()
	if mlsd {
		for l := range bytes.Lines(content) {
			e, err := ParseFacts(l)
			if errors.Is(err, ErrSkip) {
				continue
			}
			if err != nil {
				t.Errorf("%q: %v", l, err)
			}
			entries = append(entries, e)
		}
		return entries
	}
	p := NewParser(Options{Now: captured})
	for l := range bytes.Lines(content) {
		p.Line(l)
	}
	r := p.Finish()
	if r.Unparsed != 0 || r.Dropped != 0 || r.Dialect != Unix {
		t.Errorf("%v, %d unparsed %q, %d dropped", r.Dialect, r.Unparsed, r.Samples, r.Dropped)
	}
	return r.Entries
}

// checkTree compares with the tree as it was made: all names, and the sizes of
// files.
func checkTree(t *testing.T, entries []Entry, untold []string) {
	t.Helper()
	size := map[string]int64{"empty": 0, "large": 5_000_000_000, "test.txt": 6, "fifo": 0}
	notFile := map[string]bool{"absolute": true, "dangling": true, "dirlink": true, "link": true, "sub": true, "dir with blanks": true, "fifo": true}
	want := map[string]bool{
		".hidden": true, " leading": true, "trailing ": true, "*": true, "-a": true, "[x]": true, "a -> b": true, "a;b=c; d": true,
		"Jan  1  2010 x": true, "grüße": true, "latin-\xe9": true, strings.Repeat("n", 200): true, "recent": true, "future": true,
	}
	for name := range size {
		want[name] = true
	}
	for name := range notFile {
		want[name] = true
	}
	for _, e := range entries {
		if e.Name == "." || e.Name == ".." || e.Name == "latin-?" {
			continue
		}
		if !want[e.Name] {
			t.Errorf("name %q", e.Name)
		}
		delete(want, e.Name)
		if notFile[e.Name] {
			continue
		}
		n, ok := size[e.Name]
		if !ok {
			n = 1
		}
		if e.Type != File || e.Size != n {
			t.Errorf("%+v, want a file of %d bytes", e, n)
		}
	}
	for _, name := range untold {
		if !want[name] {
			t.Errorf("%q was listed", name)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not listed: %v", want)
	}
}
