package listing

import "bytes"

// netware reads a line of Novell NetWare. Trustee rights stand in brackets:
//
//	d [R----F--] supervisor            512       Jan 16 18:53    login
//	- [RWCEAFMS] rwinston            19968       Mar 12 15:20    Executive Summary.doc
func (p *Parser) netware(line []byte, e *Entry) verdict {
	switch line[0] {
	case 'd':
		e.Type = Dir
	case '-':
		e.Type = File
	default:
		return no
	}
	i := skipBlanks(line, 1)
	end := bytes.IndexByte(line, ']')
	if i >= len(line) || line[i] != '[' || end < i+2 || end+1 >= len(line) {
		return no
	}
	for _, c := range line[i+1 : end] {
		if c != '-' && !bytes.ContainsRune([]byte("RWCEAFMS"), rune(c)) {
			return no
		}
	}
	var f fields
	f.split(line, end+1)
	var m moment
	k := findDate(&f, &m)
	if k < 1 || m.year < 0 && m.prec < Minute || !p.set(e, &m) {
		return no
	}
	e.Size, e.SizeRough, _ = sizeBefore(&f, k)
	name := line[skipBlanks(line, m.end):]
	if len(trimRight(name)) == 0 {
		return no
	}
	e.Name = p.name(name)
	return entry
}
