package listing

// os2 reads a line of IBM OS/2, with the years of the century or those since
// 1900:
//
//	    0           DIR   04-11-103   16:27  name
//	36611      A          04-23-103   10:57  name
func (p *Parser) os2(line []byte, e *Entry) verdict {
	var f fields
	f.split(line, 0)
	size, ok := number(f.at(0))
	if !ok || size < 0 {
		return no
	}
	e.Type, e.Size = File, size
	k := 1
	for ; k < 4 && k < f.n && !digit(f.at(k)[0]); k++ {
		w := f.at(k)
		if string(w) == "DIR" {
			e.Type = Dir
			continue
		}
		for _, c := range w {
			switch c {
			case 'A', 'R', 'H', 'S', '-': // archive, read-only, hidden, system
			default:
				return no
			}
		}
	}
	var m moment
	if k+2 >= f.n || !m.os2Date(f.at(k)) || !m.clock(f.at(k+1)) || !p.set(e, &m) {
		return no
	}
	e.Name = p.name(f.from(k + 2))
	return entry
}

// os2Date takes month, day and year.
func (m *moment) os2Date(w []byte) bool {
	one, _, _, sep, ok := parts(w)
	return ok && sep == '-' && len(one) < 3 && m.date(w, dosPivot)
}
