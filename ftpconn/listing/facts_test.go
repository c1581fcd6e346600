package listing

import (
	"errors"
	"testing"
)

func TestParseFacts(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"Type=file;Size=25730;Modify=19940728095854;Perm=; cap60.tar.gz", `file 25730 1994-07-28T09:58:54 "cap60.tar.gz"`},
		{"type=dir;modify=20150806235817.123456;unix.MODE=040755; movies", `dir ? 2015-08-06T23:58:17.123456 755 "movies"`},
		{"mOdIfY=19681105165215;tYpE=FILE;SIZE=0; before 1970", `file 0 1968-11-05T16:52:15 "before 1970"`},
		{"type=file;  leading", `file ? - " leading"`},
		{"type=file; trailing \r\n", `file ? - "trailing "`},
		{"type=file; \t tab", `file ? - "\t tab"`},
		{"type=file;\ttab instead of a blank", `file ? - "tab instead of a blank"`},
		{"type=file; a;b=c; d", `file ? - "a;b=c; d"`},
		{"type=file;size=5 no last semicolon; x", `file 5 - "no last semicolon; x"`},
		{" no facts", `unknown ? - "no facts"`},
		{"  ", `unknown ? - " "`},
		{"type=file; /pub/name", `file ? - "/pub/name"`},
		{"type=file;size=18446744073709551615; huge", `file ? - "huge"`},
		{"type=file;size=-1; negative", `file ? - "negative"`},
		{"type=file;size=x;modify=2015;UNIX.mode=rwx; nonsense", `file ? - "nonsense"`},
		{"type=file;modify=20150231000000; no such day", `file ? - "no such day"`},
		{"type=file;modify=191000101123456; year 19100", `file ? 2000-01-01T12:34:56 "year 19100"`},
		{"type=dir;sizd=4096; ProFTPD", `dir 4096 - "ProFTPD"`},
		{"media-type=text/plain;lang=en;type=file; other facts", `file ? - "other facts"`},
		{"type=OS.unix=slink:/foo; link", `link ? - "link" -> "/foo"`},
		{"type=OS.unix=slink:/a b=c:d; link", `link ? - "link" -> "/a b=c:d"`},
		{"type=OS.unix=slink:; empty target", `link ? - "empty target"`},
		{"type=OS.UNIX=symlink; link", `link ? - "link"`},
		{"type=OS.unix=slink; link", `link ? - "link"`},
		{"type=OS.unix=chr-1/3; null", `char ? - "null"`},
		{"type=OS.unix=blk-8/0; sda", `block ? - "sda"`},
		{"type=OS.unix=fifo; p", `fifo ? - "p"`},
		{"type=OS.unix=socket; s", `socket ? - "s"`},
		{"type=OS.mvs=volume; v", `unknown ? - "v"`},
	} {
		e, err := ParseFacts([]byte(c.line))
		if err != nil {
			t.Errorf("%q: %v", c.line, err)
			continue
		}
		if s := show(e); s != c.want {
			t.Errorf("%q: %s, want %s", c.line, s, c.want)
		}
	}
	if e, err := ParseFacts([]byte("unique=keVO1+IH4;type=file; x")); err != nil || e.Unique != "keVO1+IH4" {
		t.Errorf("unique: %+v, %v", e, err)
	}
}

func TestParseFactsSkips(t *testing.T) {
	for _, line := range []string{"type=cdir;unique=x; .", "Type=CDIR; /pub", "type=pdir; ..", "type=dir; .", "type=dir; ..", "type=dir; /"} {
		if _, err := ParseFacts([]byte(line)); !errors.Is(err, ErrSkip) {
			t.Errorf("%q: %v, want ErrSkip", line, err)
		}
	}
}

func TestParseFactsRejects(t *testing.T) {
	for _, line := range []string{
		"", " ", "x", "/no/leading/space", "type=file;", "type=file; ", "modify=20150806235817;invalid;size=0; movies",
		"-rw-r--r-- 1 u g 12 Jan  1  2010 a", "ty pe=file; x", "type=file",
	} {
		if e, err := ParseFacts([]byte(line)); err == nil || errors.Is(err, ErrSkip) {
			t.Errorf("%q: %+v, %v; want an error", line, e, err)
		}
	}
}

func TestFactsAsListing(t *testing.T) {
	golden{
		name:     "facts in LIST",
		opt:      Options{Dir: "/pub"},
		listing:  "type=cdir; .\ntype=file;size=5; a;b c\ntype=file; /pub/d\nfoo=bar; x",
		want:     "file 5 - \"a;b c\"\nfile ? - \"d\"",
		dialect:  Facts,
		unparsed: 1,
	}.run(t)
}

func TestTrimDir(t *testing.T) {
	for _, c := range []struct{ name, dir, want string }{
		{"x", "/pub", "x"},
		{"./x", "", "x"},
		{"./", "", "./"},
		{"/pub/x", "/pub", "x"},
		{"/pub/x", "/pub/", "x"},
		{"/x", "/", "x"},
		{"pub/x", "/data/pub", "x"},
		{"data/pub/x", "/data/pub", "x"},
		{"/pub/x", "/data/pub", "/pub/x"},
		{"ub/x", "/pub", "ub/x"},
		{"../x", "/pub", "../x"},
		{"/pub/../x", "/pub", "/pub/../x"},
		{"pub/", "/pub", "pub/"},
		{"/pub/x", "", "/pub/x"},
	} {
		if got := TrimDir(c.name, c.dir); got != c.want {
			t.Errorf("TrimDir(%q, %q) = %q, want %q", c.name, c.dir, got, c.want)
		}
	}
}
