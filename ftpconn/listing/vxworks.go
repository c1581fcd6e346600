package listing

import "bytes"

// vxworks reads a line of Wind River VxWorks: size, date, time, name, and
// <DIR> behind the names of directories.
//
//	  size          date       time       name
//	--------       ------     ------    --------
//	   2048    Feb-28-1998  05:23:30   dir               <DIR>
func (p *Parser) vxworks(line []byte, e *Entry) verdict {
	text := trimRight(line)
	var f fields
	f.split(text, 0)
	switch string(f.at(0)) {
	case "size", "--------":
		if f.n == 4 && (string(f.at(3)) == "name" || string(f.at(3)) == "--------") {
			return ignore
		}
	}
	size, ok := number(f.at(0))
	var m moment
	if !ok || size < 0 || f.n < 4 || !letter(f.at(1)[0]) || !m.date(f.at(1), unixPivot) || !m.clock(f.at(2)) || !p.set(e, &m) {
		return no
	}
	name := f.from(3)
	e.Type, e.Size = File, size
	if rest, found := bytes.CutSuffix(name, []byte("<DIR>")); found {
		name, e.Type = trimRight(rest), Dir
	}
	if len(name) == 0 {
		return no
	}
	e.Name = p.name(name)
	return entry
}
