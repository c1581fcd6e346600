package listing

import (
	"strconv"
	"time"
)

// unixNumbers reads lines of servers that print struct stat: mode, owner,
// group, size and time of the last change, in seconds.
//
//	0100644   500  101   12345    123456789       name
func (p *Parser) unixNumbers(line []byte, e *Entry) verdict {
	var f fields
	f.split(line, 0)
	if f.n < 6 || f.at(0)[0] != '0' || len(f.at(0)) < 6 {
		return no
	}
	mode, err := strconv.ParseUint(string(f.at(0)), 8, 32)
	if err != nil || !allDigits(f.at(1)) || !allDigits(f.at(2)) {
		return no
	}
	size, ok := number(f.at(3))
	seconds, okTime := number(f.at(4))
	if !ok || !okTime || seconds < 0 || seconds >= 1<<38 {
		return no
	}
	const typeBits = 0o170000
	switch mode & typeBits {
	case 0o100000:
		e.Type = File
	case 0o040000:
		e.Type = Dir
	case 0o120000:
		e.Type = Symlink
	case 0o020000:
		e.Type = CharDevice
	case 0o060000:
		e.Type = BlockDevice
	case 0o010000:
		e.Type = FIFO
	case 0o140000:
		e.Type = Socket
	default:
		return no
	}
	name := f.from(5)
	if e.Type == Symlink {
		name, e.Target = splitLink(name, size)
	}
	e.Mode, e.HasMode, e.Size = uint16(mode&0o777), true, size
	e.ModTime, e.ModPrec = time.Unix(seconds, 0).UTC(), Second
	e.Name = p.name(name)
	return entry
}
