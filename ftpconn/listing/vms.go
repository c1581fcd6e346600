package listing

import "bytes"

// vmsBlock is the size of a disk block, the unit of sizes.
const vmsBlock = 512

// vmsState has the version of each entry of a VMS listing.
type vmsState struct {
	versions map[int]int // index of the entry: version
}

// vmsLine reads a line of OpenVMS: a name with a version, then size (used and
// allocated), date, owner and protection in any order.
//
//	Directory USER1:[TEMP]
//
//	CORE.DIR;1          1  8-SEP-1996 16:09 [SYSTEM] (RWE,RWE,RE,RE)
//	README.TXT;4      9/9  2-JUN-1998 07:32:04  [GROUP,OWNER]    (RWED,RWED,RWED,)
//	A_LONG_NAME_WRAPS_THE_LINE.TEX;1
//	                213/216  29-JAN-1996 03:33:12  [ANONYMOU,ANONYMOUS]   (RWED,RWED,,)
//
//	Total of 3 files, 220/222 blocks.
//
// Versions and ".DIR" are no part of the names that commands take. Of a file
// with several versions the latest has the plain name, see vmsVersions.
func (p *Parser) vmsLine(line []byte, e *Entry) verdict {
	i := skipBlanks(line, 0)
	semi := vmsVersion(line, i)
	if semi < 0 {
		return vmsDecoration(line[i:])
	}
	end := skipWord(line, semi)
	rest := line[end:]
	if vmsRefused(rest) {
		return drop
	}
	complete, ok := p.vmsRest(rest, e)
	switch {
	case !ok:
		return no
	case !complete && p.dialect != VMS && len(p.result.Entries) > 0:
		return no // what else looks like "name;1" is not worth a guess
	case !complete:
		p.pending = append([]byte(nil), line...)
		return hold
	}
	return p.vmsName(line[i:semi], line[semi+1:end], e)
}

// vmsVersion returns the offset of the semicolon in the word at i; -1 if no
// version is there.
func vmsVersion(line []byte, i int) int {
	end := skipWord(line, i)
	semi := bytes.LastIndexByte(line[i:end], ';')
	if semi < 1 || !allDigits(line[i+semi+1:end]) || end-(i+semi) > 6 {
		return -1
	}
	return i + semi
}

// vmsRest reads all that stands behind the name. complete says that there is a
// date, without which it must go on in the next line.
func (p *Parser) vmsRest(b []byte, e *Entry) (complete, ok bool) {
	var m moment
	sized, timed := false, false
	for i := skipBlanks(b, 0); i < len(b); i = skipBlanks(b, i) {
		j := skipWord(b, i)
		w := b[i:j]
		switch {
		case b[i] == '[' || b[i] == '(':
			// The owner or the protection; either may hold blanks.
			n := bytes.IndexByte(b[i:], b[i]+closing(b[i]))
			if n < 0 {
				return false, false
			}
			j = i + n + 1
		case !complete && bytes.Count(w, []byte("-")) == 2:
			if !m.date(w, unixPivot) || digit(w[bytes.IndexByte(w, '-')+1]) {
				return false, false
			}
			complete = true
		case complete && !timed && m.clock(w):
			timed = true
		case !sized && vmsSize(w, e):
			sized = true
		case complete && vmsOwner(w):
		default:
			return false, false
		}
		i = j
	}
	if complete && !p.set(e, &m) {
		return false, false
	}
	return complete, true
}

// closing is the distance from an opening bracket to its closing one.
func closing(c byte) byte {
	if c == '[' {
		return ']' - '['
	}
	return ')' - '('
}

// vmsSize reads blocks, "used" or "used/allocated", or kilobytes: "2KB".
func vmsSize(w []byte, e *Entry) bool {
	if n, _, ok := rounded(w); ok {
		e.Size, e.SizeRough = n, true
		return true
	}
	used := w
	if i := bytes.IndexByte(w, '/'); i > 0 {
		if used = w[:i]; !allDigits(w[i+1:]) {
			return false
		}
	}
	n, ok := number(used)
	if ok && n >= 0 && n < 1<<52 {
		e.Size, e.SizeRough = n*vmsBlock, true
	}
	return ok
}

// vmsOwner recognises an owner without brackets.
func vmsOwner(w []byte) bool {
	for _, c := range w {
		if !letter(c) && !digit(c) && c != '_' && c != '$' && c != ',' {
			return false
		}
	}
	return letter(w[0])
}

// vmsName sets name and type, and notes the version.
func (p *Parser) vmsName(name, version []byte, e *Entry) verdict {
	e.Type = File
	if n := len(name) - len(".DIR"); n > 0 && bytes.EqualFold(name[n:], []byte(".DIR")) {
		e.Type, name = Dir, name[:n]
	}
	if i := bytes.LastIndexByte(name, ']'); i >= 0 && i+1 < len(name) {
		name = name[i+1:] // DEVICE:[DIRECTORY]NAME.TYPE
	}
	e.Name = string(name)
	if p.vms.versions == nil {
		p.vms.versions = make(map[int]int)
	}
	p.vms.versions[len(p.result.Entries)] = small(version, 5)
	return entry
}

// vmsRefused recognises the reason that stands where a file's data should be.
func vmsRefused(b []byte) bool {
	return bytes.Contains(b, []byte("%RMS-")) || bytes.Contains(b, []byte("%SYSTEM-")) ||
		bytes.Contains(b, []byte("privilege")) || bytes.Contains(b, []byte("protection violation"))
}

// vmsDecoration recognises headings, totals and messages.
func vmsDecoration(b []byte) verdict {
	text := string(trimRight(b))
	has := func(s string) bool { return len(text) >= len(s) && text[:len(s)] == s }
	switch {
	case has("Directory ") && (bytes.IndexByte(b, '[') > 0 || bytes.IndexByte(b, '<') > 0 || bytes.IndexByte(b, ':') > 0),
		has("Total of "), has("Grand total of "), has("%DIRECT-W-NOFILES"):
		return ignore
	}
	var f fields
	f.split(b, 0)
	if f.n == 3 && string(f.at(0)) == "Total" && allDigits(f.at(1)) && bytes.HasPrefix(f.at(2), []byte("file")) {
		return ignore
	}
	return no
}
