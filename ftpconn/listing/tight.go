package listing

// tightYears settles how wide the column is in which some servers put a year
// where others have HH:MM. With "Mar  1 2003  name" the fifth place is a
// blank, which is not part of the name; but a server that always separates by
// one blank can have sent a name that begins with one.
type tightYears struct {
	single bool  // a year was followed by a single blank: there is no padding
	padded []int // entries that lost a blank
}

// tightYear returns the name behind a year that is aligned to the left. The
// column ends at offset a, the name without padding begins at b.
func (p *Parser) tightYear(line []byte, a, b int, name []byte) []byte {
	if a == b {
		p.tight.single = true
		return name
	}
	if p.tight.single {
		return line[a:]
	}
	p.tight.padded = append(p.tight.padded, len(p.result.Entries))
	return name
}

// tightFinish gives names their blank back.
func (p *Parser) tightFinish() {
	if !p.tight.single {
		return
	}
	for _, i := range p.tight.padded {
		if i < len(p.result.Entries) {
			p.result.Entries[i].Name = " " + p.result.Entries[i].Name
		}
	}
	p.tight.padded = nil
}
