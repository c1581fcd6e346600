package listing

// zvm reads a line of z/VM: file name, file type, record format, record
// length, records, blocks, date, time, owner.
//
//	PROFILE  EXEC     V         72        100          2 1999-09-15 12:34:00 -
//	SUBDIR   DIR      -          -          -          - 9/15/99    12:34:00 -
//
// In a minidisk or a shared directory the name of a file is "name.type".
func (p *Parser) zvm(line []byte, e *Entry) verdict {
	var f fields
	f.split(line, 0)
	if f.n < 8 || f.n > 10 || len(f.at(2)) != 1 {
		return no
	}
	var m moment
	if !m.date(f.at(6), dosPivot) || !m.clock(f.at(7)) {
		return no
	}
	switch f.at(2)[0] {
	case 'V', 'F':
		length, ok := number(f.at(3))
		records, okRecords := number(f.at(4))
		if !ok || !okRecords || !allDigits(f.at(5)) {
			return no
		}
		if length >= 0 && records >= 0 && length < 1<<31 && records < 1<<31 {
			// The length of a record is an upper limit, and ASCII transfers
			// add line ends.
			e.Size, e.SizeRough = length*records, true
		}
		e.Type, e.Name = File, string(f.at(0))+"."+string(f.at(1))
	case '-':
		if string(f.at(1)) != "DIR" || string(f.at(3)) != "-" {
			return no
		}
		e.Type, e.Name = Dir, string(f.at(0))
	default:
		return no
	}
	if !p.set(e, &m) {
		return no
	}
	return entry
}
