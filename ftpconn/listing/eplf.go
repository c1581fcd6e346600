package listing

import (
	"bytes"
	"strconv"
	"time"
)

// eplf reads Easily Parsed LIST Format (D. J. Bernstein): facts behind a plus
// sign, each with a comma behind it, then a tab and the name.
//
//	+i8388621.48594,m825718503,r,s280,up755	djb.html
//	+i8388621.50690,m824255907,/,	514
func (p *Parser) eplf(line []byte, e *Entry) verdict {
	if line[0] != '+' {
		return no
	}
	tab := bytes.IndexByte(line, '\t')
	if tab < 0 || tab+1 == len(line) {
		return no
	}
	known := false
	for fact := range bytes.SplitSeq(line[1:tab], []byte(",")) {
		if len(fact) == 0 {
			continue
		}
		value := fact[1:]
		switch fact[0] {
		case '/':
			e.Type = Dir
		case 'r':
			// Something that can be retrieved may also be a directory.
			if e.Type == Unknown {
				e.Type = File
			}
		case 's':
			e.Size, _ = number(value)
		case 'm':
			if n, ok := number(value); ok && 0 <= n && n < 1<<38 {
				e.ModTime, e.ModPrec = time.Unix(n, 0).UTC(), Second
			}
		case 'i':
			e.Unique = string(value)
		case 'u':
			if len(value) > 1 && value[0] == 'p' {
				if m, err := strconv.ParseUint(string(value[1:]), 8, 32); err == nil {
					e.Mode, e.HasMode = uint16(m&0o777), true
				}
			}
		default:
			// Others may be defined one day.
			continue
		}
		known = true
	}
	if !known {
		return no
	}
	e.Name = p.name(line[tab+1:])
	return entry
}
