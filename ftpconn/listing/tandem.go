package listing

import "bytes"

// tandem reads a line of HP NonStop (Tandem Guardian): file, code, size, last
// modification, owner, security. A code with O is that of an open file.
//
//	File         Code             EOF  Last Modification    Owner  RWEP
//	IARPTS        101             528  6-Apr-07 14:21:18   255,255 "oooo"
//	IARPTS        101O             528  6-Apr-07 14:21:18   255, 0 "oooo"
func (p *Parser) tandem(line []byte, e *Entry) verdict {
	var f fields
	f.split(line, 0)
	if f.n > 3 && string(f.at(0)) == "File" && string(f.at(1)) == "Code" {
		return ignore
	}
	code := bytes.TrimRight(f.at(1), "Oo+")
	size, ok := number(f.at(2))
	if f.n < 6 || !allDigits(code) || !ok || size < 0 {
		return no
	}
	var m moment
	if _, two, _, _, ok := parts(f.at(3)); !ok || digit(two[0]) || !m.date(f.at(3), unixPivot) || !m.clock(f.at(4)) {
		return no
	}
	owner := f.at(5)
	i := skipDigits(owner, 0)
	if i == 0 || i == len(owner) || owner[i] != ',' || !p.set(e, &m) {
		return no
	}
	e.Type, e.Size, e.Name = File, size, p.name(f.at(0))
	return entry
}
