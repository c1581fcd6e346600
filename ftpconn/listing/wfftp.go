package listing

import "bytes"

// wfftp reads a line of Nortel's Wellfleet routers: name, size, date, day of
// the week, time.
//
//	name       1014196  06/03/04  Thur.   10:20:03
func (p *Parser) wfftp(line []byte, e *Entry) verdict {
	text := trimRight(line)
	var f fields
	f.split(text, 0)
	// The name has no blanks, so that there are five words.
	if f.n != 5 {
		return no
	}
	size, ok := number(f.at(1))
	day := f.at(3)
	var m moment
	if !ok || size < 0 || bytes.IndexByte(f.at(2), '/') < 0 || !m.date(f.at(2), dosPivot) || !weekday(day) || !m.clock(f.at(4)) || !p.set(e, &m) {
		return no
	}
	e.Type, e.Size, e.Name = File, size, p.name(f.at(0))
	return entry
}
