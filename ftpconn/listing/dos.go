package listing

import (
	"bytes"
	"strings"
	"time"
)

// dosNameColumn is how many blanks IIS and dir have between <DIR> and a name.
const dosNameColumn = 10

// dosState settles the order of day and month by the whole listing: one date
// such as "25-06-07" tells that of all others.
type dosState struct {
	dayFirst, monthFirst bool
	open                 []int // entries whose date could be either
}

// dosLine reads a line of IIS, and of dir on Windows:
//
//	04-27-00  12:09PM       <DIR>          name
//	2002-09-02  19:06                9,730 name
//	11/20/2014  02:54 AM    <JUNCTION>     name [C:\target]
func (p *Parser) dosLine(line []byte, e *Entry) verdict {
	i := skipBlanks(line, 0)
	if i == len(line) || !digit(line[i]) {
		return p.dosDecoration(line)
	}
	var f fields
	f.split(line, i)
	var m moment
	if f.n < 4 || !m.date(f.at(0), dosPivot) || !m.clock(f.at(1)) {
		return p.dosDecoration(line)
	}
	k := 2
	if len(f.at(2)) == 2 && lower(f.at(2)[1]) == 'm' {
		h, ok := half(f.at(2), m.hour)
		if !ok {
			return no
		}
		m.hour = h
		k++
	}
	size := f.at(k)
	start := f.f[k].b
	kind := ""
	if size != nil && size[0] == '<' {
		kind = string(bytes.ToUpper(size))
	}
	switch kind {
	case "<DIR>", "<JUNCTION>", "<SYMLINKD>":
		e.Type, e.Size = Dir, 0
	case "<SYMLINK>":
		e.Type = File
	default:
		var ok bool
		if e.Size, ok = grouped(size); !ok || kind != "" || e.Size < 0 {
			return no
		}
		e.Type = File
	}
	if start >= len(line) {
		return no
	}
	blanks := 1
	if kind != "" {
		blanks = min(dosNameColumn, max(1, skipBlanks(line, start)-start))
	}
	name := line[start+blanks:]
	if kind == "<JUNCTION>" || kind == "<SYMLINKD>" || kind == "<SYMLINK>" {
		if i := bytes.LastIndex(name, []byte(" [")); i > 0 && name[len(name)-1] == ']' {
			name = name[:i]
		}
	}
	if len(trimRight(name)) == 0 || !p.set(e, &m) {
		return no
	}
	p.dosOpen(f.at(0), &m)
	e.Name = p.name(name)
	return entry
}

// dosOpen notes what the date says of the order of day and month.
func (p *Parser) dosOpen(date []byte, m *moment) {
	one, two, _, sep, ok := parts(date)
	a, b := small(one, 2), small(two, 2)
	if !ok || sep == '.' || a < 0 || b < 0 {
		return
	}
	switch {
	case a > 12:
		p.dos.dayFirst = true
	case b > 12:
		p.dos.monthFirst = true
	case a != b:
		p.dos.open = append(p.dos.open, len(p.result.Entries))
	}
}

// dosOrder exchanges day and month where the listing as a whole tells so.
func (p *Parser) dosOrder() {
	if !p.dos.dayFirst || p.dos.monthFirst {
		return
	}
	for _, i := range p.dos.open {
		if i >= len(p.result.Entries) {
			break
		}
		e := &p.result.Entries[i]
		t := e.ModTime.In(p.loc)
		e.ModTime = time.Date(t.Year(), time.Month(t.Day()), int(t.Month()), t.Hour(), t.Minute(), t.Second(), 0, p.loc).UTC()
	}
	p.dos.open = nil
}

// dosDecoration recognises what dir prints around the entries: the volume, the
// directory's path, "1 File(s)  123 bytes", "2 Dir(s)  1,234,567 bytes free".
func (p *Parser) dosDecoration(line []byte) verdict {
	text := string(bytes.TrimSpace(line))
	for _, start := range []string{"Volume in drive ", "Volume Serial Number ", "Directory of "} {
		if strings.HasPrefix(text, start) && line[0] == ' ' {
			return ignore
		}
	}
	var f fields
	f.split(line, 0)
	if what := string(f.at(1)); f.n >= 4 && allDigits(f.at(0)) && (what == "File(s)" || what == "Dir(s)") && string(f.at(3)) == "bytes" {
		return ignore
	}
	return no
}
