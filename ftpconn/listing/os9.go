package listing

// os9 reads a line of Microware OS-9: owner, date (year first), time, file
// attributes, sector, size, name.
//
//	Owner    Last modified  Attributes Sector Bytecount Name
//	20.20    07/03/29 1026   d-ewrewr    2650     85920 name
func (p *Parser) os9(line []byte, e *Entry) verdict {
	var f fields
	f.split(line, 0)
	if f.n == 7 && string(f.at(0)) == "Owner" && string(f.at(1)) == "Last" || f.n > 3 && ruler(line) {
		return ignore
	}
	if f.n < 7 || !os9Owner(f.at(0)) {
		return no
	}
	one, two, three, _, ok := parts(f.at(1))
	m := moment{prec: Minute, year: fullYear(small(one, 2), 2, unixPivot), month: small(two, 2), day: small(three, 2)}
	clock := f.at(2)
	if !ok || len(one) != 2 || len(clock) != 4 || !allDigits(clock) {
		return no
	}
	m.hour, m.min = small(clock[:2], 2), small(clock[2:], 2)
	size, ok := number(f.at(5))
	if !ok || size < 0 || m.hour > 23 || m.min > 59 || !os9Attributes(f.at(3), e) || !p.set(e, &m) {
		return no
	}
	e.Size, e.Name = size, p.name(f.from(6))
	return entry
}

// os9Owner recognises "group.user".
func os9Owner(w []byte) bool {
	i := skipDigits(w, 0)
	return i > 0 && i+1 < len(w) && w[i] == '.' && skipDigits(w, i+1) == len(w)
}

// os9Attributes reads "dsewrewr": directory, shareable, then execute, write
// and read for the public and for the owner.
func os9Attributes(w []byte, e *Entry) bool {
	if len(w) != 8 {
		return false
	}
	for i, c := range w {
		if c != '-' && c != "dsewrewr"[i] {
			return false
		}
	}
	e.Type = File
	if w[0] == 'd' {
		e.Type = Dir
	}
	bits := func(e, w, r byte) (m uint16) {
		if r == 'r' {
			m |= 4
		}
		if w == 'w' {
			m |= 2
		}
		if e == 'e' {
			m |= 1
		}
		return m
	}
	public, owner := bits(w[2], w[3], w[4]), bits(w[5], w[6], w[7])
	e.Mode, e.HasMode = owner<<6|public<<3|public, true
	return true
}

// ruler says whether a line has nothing but dashes and blanks.
func ruler(line []byte) bool {
	for _, c := range line {
		if c != '-' && c != '=' && !blank(c) {
			return false
		}
	}
	return true
}
