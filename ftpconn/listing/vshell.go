package listing

// vshell reads a line of VanDyke's VShell; directories have a slash behind
// their names.
//
//	206876  Apr 04, 2000 21:06 name
//	     0  Dec 12, 2002 02:13 name/
func (p *Parser) vshell(line []byte, e *Entry) verdict {
	var f fields
	f.split(line, 0)
	size, ok := number(f.at(0))
	var m moment
	if !ok || size < 0 || f.n < 6 || letter(f.at(1)[0]) && monthOf(f.at(1)) == 0 || !dateAt(&f, 1, &m) || !p.set(e, &m) {
		return no
	}
	if m.prec < Minute || m.end+1 >= len(line) {
		return no
	}
	e.Type, e.Size = File, size
	name := line[m.end+1:]
	if n := len(name); n > 1 && name[n-1] == '/' {
		name, e.Type = name[:n-1], Dir
	}
	if len(trimRight(name)) == 0 {
		return no
	}
	e.Name = p.name(name)
	return entry
}
