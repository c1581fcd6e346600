package listing

import "bytes"

// os400 reads a line of IBM i (OS/400): owner, size, date, time, type, name.
//
//	PEP             36864 04/03/24 14:06:34 *DIR       dir1/
//	QSYS            77824 02/23/00 15:09:55 *FILE      NAME.FILE
//	CFT                                     *MEM       NAME.FILE/MEMBER.MBR
//
// A physical file is a directory of members, a save file is a file.
func (p *Parser) os400(line []byte, e *Entry) verdict {
	var f fields
	f.split(line, 0)
	k := 1
	for ; k < 5 && k < f.n && f.at(k)[0] != '*'; k++ {
	}
	if k >= 5 || k+1 >= f.n || !objectType(f.at(k)) || f.at(0)[0] == '*' {
		return no
	}
	if k > 1 {
		size, ok := number(f.at(1))
		if !ok || size < 0 || k == 2 {
			return no
		}
		e.Size = size
		var m moment
		if !p.os400Date(f.at(2), &m) || k == 4 && !m.clock(f.at(3)) || !p.set(e, &m) {
			return no
		}
	}
	name := trimRight(f.from(k + 1))
	if n := len(name); n > 1 && name[n-1] == '/' {
		name = name[:n-1]
	}
	switch string(f.at(k)) {
	case "*DIR", "*LIB", "*FLR", "*DDIR":
		e.Type = Dir
	case "*STMF", "*DSTMF", "*MEM", "*DOC", "*SAVF":
		e.Type = File
	case "*FILE":
		e.Type = Dir
		if bytes.HasSuffix(bytes.ToUpper(name), []byte(".SAVF")) {
			e.Type = File
		}
	}
	e.Name = p.name(name) // a member's has its file before it
	return entry
}

func objectType(w []byte) bool {
	for _, c := range w[1:] {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(w) > 2 && len(w) < 12
}

// os400Date reads a date in the order of the job that serves us, which can be
// any. What only one order can explain tells it for the lines that follow.
func (p *Parser) os400Date(w []byte, m *moment) bool {
	one, two, three, _, ok := parts(w)
	a, b, c := small(one, 4), small(two, 2), small(three, 4)
	if !ok || a < 0 || b < 0 || c < 0 {
		return false
	}
	var found [dmy + 1]moment
	var fits []dateOrder
	for _, o := range [...]dateOrder{ymd, mdy, dmy} {
		t := moment{prec: Day}
		switch o {
		case ymd:
			t.year, t.month, t.day = fullYear(a, len(one), unixPivot), b, c
		case mdy:
			t.year, t.month, t.day = fullYear(c, len(three), unixPivot), a, b
		case dmy:
			t.year, t.month, t.day = fullYear(c, len(three), unixPivot), b, a
		}
		if t.dateOK() {
			found[o] = t
			fits = append(fits, o)
		}
	}
	switch {
	case len(fits) == 0:
		return false
	case len(fits) == 1:
		p.as400 = fits[0]
	case p.as400 != anyOrder && found[p.as400].month > 0:
		*m = found[p.as400]
		return true
	}
	*m = found[fits[0]]
	return true
}
