package listing

import "strconv"

// vmsContinue takes the second part of a wrapped line. If line is none, what
// was held back is settled and line remains to be read.
func (p *Parser) vmsContinue(line []byte) bool {
	if vmsVersion(line, skipBlanks(line, 0)) < 0 {
		joined := append(append(p.pending, ' '), line...)
		held := p.pending
		p.pending = nil
		if len(joined) < 4096 && p.try(VMS, joined) && p.pending == nil {
			p.dialect = VMS
			return true
		}
		p.pending = held
	}
	p.vmsFlush()
	return false
}

// vmsFlush settles a line that was held back: in a VMS listing it is a file
// of which nothing else is told (DIRECTORY/BRIEF).
func (p *Parser) vmsFlush() {
	held := p.pending
	if held == nil {
		return
	}
	p.pending = nil
	if p.dialect != VMS {
		p.reject(held)
		return
	}
	e := Entry{Size: -1}
	i := skipBlanks(held, 0)
	semi := vmsVersion(held, i)
	end := skipWord(held, semi)
	if _, ok := p.vmsRest(held[end:], &e); ok && p.vmsName(held[i:semi], held[semi+1:end], &e) == entry {
		p.add(e)
		return
	}
	p.reject(held)
}

// vmsVersions gives all but the latest version of a file its version back:
// with it they can be asked for, and are told apart.
func (p *Parser) vmsVersions() {
	if len(p.vms.versions) < 2 {
		return
	}
	latest := make(map[string]int)
	for i := range p.result.Entries {
		v, ok := p.vms.versions[i]
		if !ok {
			continue
		}
		name := p.result.Entries[i].Name
		if best, seen := latest[name]; !seen || v > p.vms.versions[best] {
			latest[name] = i
		}
	}
	for i := range p.result.Entries {
		e := &p.result.Entries[i]
		if v, ok := p.vms.versions[i]; ok && latest[e.Name] != i {
			e.Name += ";" + strconv.Itoa(v)
		}
	}
	p.vms.versions = nil
}
