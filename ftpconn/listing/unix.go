package listing

import "bytes"

// unix reads a line of ls -l and of the many programs that imitate it:
//
//	drwxr-xr-x    3 ftp      ftp          4096 May 15 18:11 pub
//	-rw-r--r--        0      101426   101426 Jun  7  2008 Rumpus, NetPresenz
//	crw-rw-rw- 1 root     root   1,   3 Aug 16 14:28 null
//
// Of the columns between mode and date any may be missing or hold blanks;
// what is certain is that a size stands before the date.
func (p *Parser) unix(line []byte, e *Entry) verdict {
	i := skipInode(line, skipBlanks(line, 0))
	if !permissions(line[i:], e) {
		return no
	}
	i += 10
	for i < len(line) && (line[i] == '+' || line[i] == '.' || line[i] == '@' || line[i] == '*') {
		i++ // ACL, SELinux context, extended attributes
	}
	if i == len(line) || !blank(line[i]) && !digit(line[i]) {
		return no
	}
	var f fields
	f.split(line, i)
	var m moment
	k := findDate(&f, &m)
	if k == 0 {
		return p.dateless(&f, e)
	}
	if !p.set(e, &m) {
		return no
	}
	e.Size, e.SizeRough, _ = sizeBefore(&f, k)
	if e.Type == CharDevice || e.Type == BlockDevice {
		e.Size, e.SizeRough = -1, false
	}
	return p.unixName(line, &m, e)
}

// unixName takes the name, which begins exactly one blank behind the date.
func (p *Parser) unixName(line []byte, m *moment, e *Entry) verdict {
	i := m.end
	if i >= len(line) {
		return no
	}
	i++
	for n := m.pad; n > 0 && i < len(line) && blank(line[i]); n-- {
		i++
	}
	name := line[i:]
	if len(trimRight(name)) == 0 {
		return no
	}
	if m.leftYear {
		name = p.tightYear(line, m.end+1, i, name)
	}
	switch e.Type {
	case Symlink:
		name, e.Target = splitLink(name, e.Size)
	case Dir:
		// ls -F, ls -p
		if n := len(name); n > 1 && name[n-1] == '/' {
			name = name[:n-1]
		}
	}
	if len(name) == 0 {
		return no
	}
	e.Name = p.name(name)
	return entry
}

// dateless reads the lines of servers that show no date:
//
//	drwxr-xr-x 3 user group 512 name
//	d????????? ? ?    ?       ?            ? name
//
// They count only with all other columns, and a name of one word.
func (p *Parser) dateless(f *fields, e *Entry) verdict {
	if !e.HasMode {
		for k := range 5 {
			if string(f.at(k)) != "?" {
				return no
			}
		}
		if f.n < 6 {
			return no
		}
		e.Name = p.name(f.line[f.f[4].b+1:][f.gap(5)-1:])
		return entry
	}
	if f.n != 5 || !allDigits(f.at(0)) || !allDigits(f.at(3)) || monthOf(f.at(4)) != 0 || digit(f.at(1)[0]) || digit(f.at(2)[0]) {
		return no
	}
	e.Size, _ = number(f.at(3))
	e.Name = p.name(f.at(4))
	return entry
}

// skipInode passes the columns of ls -i and ls -s.
func skipInode(line []byte, i int) int {
	for range 2 {
		j := skipDigits(line, i)
		if j == i || j == len(line) || !blank(line[j]) {
			break
		}
		i = skipBlanks(line, j)
	}
	return i
}

// permissions reads the first ten characters. It is strict, as this is what
// tells the dialect.
func permissions(b []byte, e *Entry) bool {
	if len(b) < 11 {
		return false
	}
	switch b[0] {
	case '-', 'C', 'm', 'M', 'n': // contiguous, migrated, network special
		e.Type = File
	case 'd':
		e.Type = Dir
	case 'l':
		e.Type = Symlink
	case 'c':
		e.Type = CharDevice
	case 'b':
		e.Type = BlockDevice
	case 'p':
		e.Type = FIFO
	case 's':
		e.Type = Socket
	case 'D', 'P', 'w', 'O', '?': // door, event port, whiteout, offline
		e.Type = Unknown
	default:
		return false
	}
	if string(b[1:10]) == "?????????" {
		return true
	}
	var mode uint16
	for i, c := range b[1:10] {
		mode <<= 1
		if c == '-' {
			continue
		}
		switch i % 3 {
		case 0:
			if c != 'r' {
				return false
			}
			mode |= 1
		case 1:
			if c != 'w' {
				return false
			}
			mode |= 1
		case 2:
			switch {
			case c == 'x', c == 's' && i < 8, c == 't' && i == 8:
				mode |= 1
			case c == 'S' && i < 8, c == 'T' && i == 8, (c == 'l' || c == 'L') && i == 5:
				// set-id, sticky, locking; not executable
			default:
				return false
			}
		}
	}
	e.Mode, e.HasMode = mode, true
	return true
}

// sizeBefore reads the size that stands before word k. It may be glued to the
// group ("ftpadmin125435904"), where nobody can tell how much of it is size.
func sizeBefore(f *fields, k int) (size int64, rough, ok bool) {
	w := f.at(k - 1)
	if len(w) == 0 {
		return -1, false, false
	}
	if n, ok := number(w); ok {
		return n, false, true
	}
	if len(w) == 1 && w[0] == '-' {
		return -1, false, true
	}
	if digit(w[0]) {
		if n, ok := grouped(w); ok {
			return n, false, true
		}
		if n, rough, ok := rounded(w); ok {
			return n, rough, true
		}
		if c := bytes.IndexByte(w, ','); c > 0 && allDigits(w[:c]) && allDigits(w[c+1:]) {
			return -1, false, true // major,minor
		}
		return -1, false, false
	}
	if len(w) > 1 && digit(w[len(w)-1]) && k > 1 {
		return 0, true, true // there is one, and it must bound nothing
	}
	return -1, false, false
}

// splitLink takes "name -> target" apart. The name may hold an arrow, too:
// the size of a link is the length of its target.
func splitLink(b []byte, size int64) (name []byte, target string) {
	arrow := []byte(" -> ")
	first := bytes.Index(b, arrow)
	if first < 0 {
		return b, ""
	}
	at := first
	for i := first; i >= 0; {
		if int64(len(b)-i-len(arrow)) == size {
			at = i
			break
		}
		next := bytes.Index(b[i+1:], arrow)
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return b[:at], string(b[at+len(arrow):])
}
