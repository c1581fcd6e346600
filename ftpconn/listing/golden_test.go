package listing

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// testNow is the clock of the tests: 15 June 2024, noon UTC.
var testNow = time.Date(2024, 6, 15, 12, 0, 0, 0, time.UTC)

// show writes an entry in one line: type, size (~ for a rough one), time with
// its precision's digits, mode, quoted name, target.
func show(e Entry) string {
	var b strings.Builder
	b.WriteString([]string{"unknown", "file", "dir", "link", "char", "block", "fifo", "socket"}[e.Type])
	switch {
	case e.Size < 0:
		b.WriteString(" ?")
	case e.SizeRough:
		fmt.Fprintf(&b, " ~%d", e.Size)
	default:
		fmt.Fprintf(&b, " %d", e.Size)
	}
	switch e.ModPrec {
	case NoTime:
		b.WriteString(" -")
	case Day:
		b.WriteString(e.ModTime.Format(" 2006-01-02"))
	case Minute:
		b.WriteString(e.ModTime.Format(" 2006-01-02T15:04"))
	case Second:
		b.WriteString(e.ModTime.Format(" 2006-01-02T15:04:05.999999999"))
	}
	if e.HasMode {
		fmt.Fprintf(&b, " %03o", e.Mode)
	}
	fmt.Fprintf(&b, " %q", e.Name)
	if e.Target != "" {
		fmt.Fprintf(&b, " -> %q", e.Target)
	}
	return b.String()
}

// golden is a listing and what it says.
type golden struct {
	name     string
	opt      Options
	listing  string // lines
	want     string // entries, as show writes them, in lines
	dialect  Dialect
	unparsed int
	dropped  int
}

func (g golden) run(t *testing.T) {
	t.Helper()
	t.Run(g.name, func(t *testing.T) {
		o := g.opt
		if o.Now.IsZero() {
			o.Now = testNow
		}
		p := NewParser(o)
		for l := range strings.SplitSeq(g.listing, "\n") {
			p.Line([]byte(l))
		}
		r := p.Finish()
		var got []string
		for _, e := range r.Entries {
			got = append(got, show(e))
		}
		want := strings.TrimSpace(g.want)
		if s := strings.Join(got, "\n"); s != want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", g.listing, s, want)
		}
		if r.Dialect != g.dialect {
			t.Errorf("dialect %v, want %v", r.Dialect, g.dialect)
		}
		if r.Unparsed != g.unparsed || len(r.Samples) != min(g.unparsed, maxSamples) || r.Dropped != g.dropped {
			t.Errorf("%d lines not parsed %q, %d dropped; want %d, %d", r.Unparsed, r.Samples, r.Dropped, g.unparsed, g.dropped)
		}
	})
}
