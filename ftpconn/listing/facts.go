package listing

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"
)

// ErrSkip is what ParseFacts returns for a line that describes the directory
// itself or its parent.
var ErrSkip = errors.New("entry for the directory itself or its parent")

// The ways in which a line fails to be one of MLSD.
var (
	errFacts  = errors.New("not a line of MLSD: facts must have the form name=value; (RFC 3659, section 7.2)")
	errNoName = errors.New("line of MLSD without a name")
)

// ParseFacts reads one line of MLSD, RFC 3659 section 7.2, or the entry of an
// MLST reply without the blank before it:
//
//	Type=file;Size=25730;Modify=19940728095854;Perm=; cap60.pl198.tar.gz
//
// Times are UTC. A fact that makes no sense is left out; the line counts
// without it. Names may hold slashes, where a server repeats the path.
func ParseFacts(line []byte) (Entry, error) {
	for n := len(line); n > 0 && (line[n-1] == '\n' || line[n-1] == '\r'); n-- {
		line = line[:n-1]
	}
	e := Entry{Size: -1}
	self := false
	i := 0
	for i < len(line) && !blank(line[i]) {
		name, value, next, ok := nextFact(line, i)
		if !ok {
			return Entry{}, errFacts
		}
		if factIs(name, "type") {
			self = e.factType(value) || self
		} else {
			e.fact(name, value)
		}
		i = next
	}
	if i+1 >= len(line) {
		if i == 0 {
			return Entry{}, errFacts
		}
		return Entry{}, errNoName
	}
	// RFC 3659: the name begins behind exactly one blank.
	e.Name = string(line[i+1:])
	if self || e.Name == "." || e.Name == ".." || e.Name == "/" {
		return Entry{}, ErrSkip
	}
	return e, nil
}

// nextFact takes the fact at offset i; next is the offset behind it. Servers
// that leave out the last semicolon have a blank there.
func nextFact(line []byte, i int) (name, value []byte, next int, ok bool) {
	eq := -1
	slink := false
	for j := i; j < len(line); j++ {
		switch c := line[j]; {
		case c == ';':
			if eq < 0 {
				return nil, nil, 0, false
			}
			return line[i:eq], line[eq+1 : j], j + 1, true
		case c == '=' && eq < 0:
			eq = j
			slink = factIs(line[i:eq], "type")
		case blank(c) && eq >= 0 && !(slink && bytes.IndexByte(line[eq:j], ':') >= 0):
			// The target of a link may hold blanks, other values do not.
			return line[i:eq], line[eq+1 : j], j, true
		case eq < 0 && !letter(c) && !digit(c) && c != '.' && c != '-' && c != '_' && c != '/':
			return nil, nil, 0, false
		}
	}
	return nil, nil, 0, false
}

// factIs compares a fact's name, which is not case-sensitive; want is in
// lower case.
func factIs(name []byte, want string) bool {
	if len(name) != len(want) {
		return false
	}
	for i := range name {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != want[i] {
			return false
		}
	}
	return true
}

// factType sets the type; self says that it is the directory or its parent.
func (e *Entry) factType(value []byte) (self bool) {
	switch {
	case factIs(value, "file"):
		e.Type = File
		return false
	case factIs(value, "dir"):
		e.Type = Dir
		return false
	case factIs(value, "cdir"), factIs(value, "pdir"):
		e.Type = Dir
		return true
	}
	// OS.unix=slink:/target, OS.unix=symlink, OS.unix=chr-1/3
	kind := value
	if i := bytes.LastIndexByte(kind, '='); i >= 0 && (bytes.IndexByte(kind, ':') < 0 || i < bytes.IndexByte(kind, ':')) {
		kind = kind[i+1:]
	} else if i := bytes.IndexByte(kind, '='); i >= 0 {
		kind = kind[i+1:]
	}
	target := ""
	if i := bytes.IndexByte(kind, ':'); i >= 0 {
		kind, target = kind[:i], string(kind[i+1:])
	}
	k := strings.ToLower(string(kind))
	switch {
	case k == "slink", k == "symlink", k == "link", k == "lnk":
		e.Type, e.Target = Symlink, target
	case strings.HasPrefix(k, "chr"), k == "chardev":
		e.Type = CharDevice
	case strings.HasPrefix(k, "blk"), k == "blockdev":
		e.Type = BlockDevice
	case k == "fifo", k == "pipe":
		e.Type = FIFO
	case k == "socket", k == "sock":
		e.Type = Socket
	}
	return false
}

// fact takes a fact other than the type.
func (e *Entry) fact(name, value []byte) {
	switch {
	case factIs(name, "size"), factIs(name, "sizd") && e.Size < 0:
		e.Size, _ = number(value)
	case factIs(name, "modify"):
		if t, ok := timeVal(value); ok {
			e.ModTime, e.ModPrec = t, Second
		}
	case factIs(name, "unique"):
		e.Unique = string(value)
	case factIs(name, "unix.mode"):
		if m, err := strconv.ParseUint(string(value), 8, 32); err == nil {
			e.Mode, e.HasMode = uint16(m&0o777), true
		}
	}
}

// timeVal reads a time-val, RFC 3659 section 2.3: YYYYMMDDHHMMSS and perhaps a
// fraction. Some servers of the year 2000 wrote 19100 for the year.
func timeVal(b []byte) (time.Time, bool) {
	n := skipDigits(b, 0)
	year, rest := 0, 4
	if n == 15 && b[0] == '1' && b[1] == '9' {
		year, rest = 1900+small(b[2:5], 3), 5
	} else if n == 14 {
		year = small(b[:4], 4)
	} else {
		return time.Time{}, false
	}
	two := func(i int) int { return small(b[rest+i:rest+i+2], 2) }
	m := moment{year: year, month: two(0), day: two(2), hour: two(4), min: two(6), sec: two(8)}
	if n < len(b) && b[n] == '.' {
		m.ns = nanoseconds(b[n+1 : skipDigits(b, n+1)])
	}
	if !m.dateOK() || m.hour > 23 || m.min > 59 || m.sec > 60 {
		return time.Time{}, false
	}
	return m.in(year, time.UTC), true
}

// facts reads such a line in a listing of LIST: a few servers send nothing
// else. There it must have a fact that is known.
func (p *Parser) facts(line []byte, e *Entry) verdict {
	line = line[skipBlanks(line, 0):]
	eq := bytes.IndexByte(line, '=')
	if eq < 0 || bytes.IndexByte(line, ';') < eq {
		return no
	}
	got, err := ParseFacts(line)
	switch {
	case errors.Is(err, ErrSkip):
		return ignore
	case err != nil, got.Type == Unknown && got.Size < 0 && got.ModPrec == NoTime && !got.HasMode && got.Unique == "":
		return no
	}
	*e = got
	if strings.Contains(e.Name, "/") {
		e.Name = TrimDir(e.Name, p.opt.Dir)
	}
	return entry
}
