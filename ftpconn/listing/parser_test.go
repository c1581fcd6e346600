package listing

import (
	"strings"
	"testing"
)

// TestRememberedDialect: what is known of a server is tried first, but a
// server can change its mind (SITE DIRSTYLE, another machine behind the name).
func TestRememberedDialect(t *testing.T) {
	golden{
		name:    "changed",
		opt:     Options{Dialect: DOS},
		listing: lines("-rw-r--r-- 1 u g 12 Jan  1  2010 a", "total 2", "04-27-00  12:09PM       <DIR>          b"),
		want:    lines(`file 12 2010-01-01 644 "a"`, `dir 0 2000-04-27T12:09 "b"`),
		dialect: DOS,
	}.run(t)
	golden{name: "empty", opt: Options{Dialect: VMS}, dialect: VMS}.run(t)
}

// TestNothingVanishes: every line that is not blank is an entry, a known
// decoration, or counted.
func TestNothingVanishes(t *testing.T) {
	p := NewParser(Options{Now: testNow})
	for range 100 {
		p.Line([]byte(strings.Repeat("garbage ", 100)))
	}
	p.Line([]byte("  "))
	p.Line(nil)
	p.Line([]byte("\r\n"))
	r := p.Finish()
	if r.Unparsed != 100 || len(r.Samples) != maxSamples || len(r.Samples[0]) != maxSampleLen {
		t.Errorf("%d unparsed, %d samples of %d bytes", r.Unparsed, len(r.Samples), len(r.Samples[0]))
	}
}

// TestLineKeepsNothing: the caller may reuse its buffer at once.
func TestLineKeepsNothing(t *testing.T) {
	for _, l := range []string{
		"lrwxrwxrwx 1 u g 4 Jan  1  2010 bar -> /etc", "type=OS.unix=slink:/t;unique=u; n", "A.TXT;1", "garbage", "+i1.2,r,\tx",
		"04-27-00  12:09PM       <DIR>          b", "CFT  *MEM X.FILE/Y", "SAVE03 01.03 2002/09/12 2002/10/11 09:37 11 11 0 KIL001",
	} {
		want := NewParser(Options{Now: testNow, Dialect: VMS})
		want.Line([]byte(l))
		b := []byte(l)
		got := NewParser(Options{Now: testNow, Dialect: VMS})
		got.Line(b)
		for i := range b {
			b[i] = 'z'
		}
		w, g := want.Finish(), got.Finish()
		if len(w.Entries) != len(g.Entries) || len(w.Entries) == 1 && w.Entries[0] != g.Entries[0] || strings.Join(w.Samples, "") != strings.Join(g.Samples, "") {
			t.Errorf("%q: %+v, want %+v", l, g, w)
		}
	}
}

// TestDialectNames: every dialect has a reader and a name.
func TestDialectNames(t *testing.T) {
	seen := map[string]bool{"unknown": true}
	for d := Auto; d <= lastDialect; d++ {
		if readers[d] == nil || seen[d.String()] {
			t.Errorf("dialect %d: %q", d, d)
		}
		seen[d.String()] = true
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int64
		ok   bool
	}{
		{"9,730", 9730, true}, {"1.234.567", 1234567, true}, {"123", 123, true}, {"0", 0, true}, {"9223372036854775807", -1, true},
		{"9223372036854775800", -1, true}, {"9223372036854775799", 9223372036854775799, true},
		{"1,23", -1, false}, {"1234,567", -1, false}, {",123", -1, false}, {"1,", -1, false}, {"x", -1, false}, {"", -1, false}, {"-5", -1, true}, {"-", -1, false},
	} {
		if n, ok := grouped([]byte(c.text)); n != c.n || ok != c.ok {
			t.Errorf("grouped(%q) = %d, %v", c.text, n, ok)
		}
	}
	for _, c := range []struct {
		text  string
		n     int64
		rough bool
		ok    bool
	}{
		{"172.4k", 176537, true, true}, {"61.8M", 64801996, true, true}, {"2KB", 2048, true, true}, {"1GiB", 1 << 30, true, true}, {"12B", 12, false, true},
		{"1,5G", 3 << 29, true, true}, {"999999999P", -1, false, true}, {"5x", -1, false, false}, {"M", -1, false, false}, {"1.M", -1, false, false}, {"5", -1, false, false},
	} {
		if n, rough, ok := rounded([]byte(c.text)); n != c.n || rough != c.rough || ok != c.ok {
			t.Errorf("rounded(%q) = %d, %v, %v", c.text, n, rough, ok)
		}
	}
}
