package listing

// enterprise reads a line of Sterling Connect:Enterprise, which shows batches
// in a mailbox: flags, protocol, owner and such, size, date, name.
//
//	-C--E-----FTP B BCC3I1       7670  1294495 Jan 13 07:42 name
//	-ART------TCP D CU3I1       35290       41 Oct 26 09:42 name
func (p *Parser) enterprise(line []byte, e *Entry) verdict {
	end := skipWord(line, 0)
	if end < 10 || end > 16 {
		return no
	}
	for i, c := range line[:end] {
		if !(c == '-' && i < 10) && (c < 'A' || c > 'Z') {
			return no
		}
	}
	var f fields
	f.split(line, end)
	var m moment
	k := findDate(&f, &m)
	if k < 2 || !p.set(e, &m) {
		return no
	}
	e.Type = File
	e.Size, e.SizeRough, _ = sizeBefore(&f, k)
	return p.unixName(line, &m, e)
}
