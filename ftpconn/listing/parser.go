package listing

import (
	"bytes"
	"strings"
	"time"
)

// Bounds on what a Result keeps of lines that were not understood.
const (
	maxSamples   = 5
	maxSampleLen = 200
)

// Options says how to read a listing.
type Options struct {
	// Now is the clock that tells the year of dates without one. If it is the
	// zero time such dates are not told at all.
	Now time.Time

	// Location is the server's time zone; nil means UTC. Dates without a time
	// of day (precision Day) are midnight UTC whatever it is.
	Location *time.Location

	// Dialect is tried first; Auto if nothing is known of the server.
	Dialect Dialect

	// Dir is the absolute path of the directory that is listed; "" if unknown.
	// A name that repeats it is cut down to its last element.
	Dir string
}

// Result is a whole listing.
type Result struct {
	// Entries are in the server's order. Names "." and ".." are among them
	// where the server sends them; names may hold slashes.
	Entries []Entry

	// Dialect is that of the last entry, or what Options said.
	Dialect Dialect

	// Unparsed counts the lines that are neither an entry nor a known
	// decoration; Samples has the first of them, clipped.
	Unparsed int
	Samples  []string

	// Dropped counts objects that the server named but could not describe
	// (VMS: insufficient privilege), and those below the header of another
	// directory (ls -R).
	Dropped int
}

// Parser reads one listing, line by line.
type Parser struct {
	opt     Options
	loc     *time.Location
	dialect Dialect
	result  Result
	scratch Entry     // the entry being read; here, as it would escape to the heap
	limit   time.Time // how late a date without a year can be

	foreign bool   // unix: below the header of a subdirectory ("ls -R")
	pending []byte // vms: a file's line so far; it may wrap

	vms   vmsState
	dos   dosState
	tight tightYears
	mvs   mvsState
	as400 dateOrder
}

// NewParser returns a parser for one listing.
func NewParser(o Options) *Parser {
	p := &Parser{opt: o, loc: o.Location, dialect: o.Dialect}
	if p.loc == nil {
		p.loc = time.UTC
	}
	p.limit = o.Now.Add(24 * time.Hour).In(p.loc)
	return p
}

// Entries returns what was parsed so far. The last entries may still change,
// see Finish.
func (p *Parser) Entries() []Entry { return p.result.Entries }

// Line takes the next line, with or without its line end. It keeps no
// reference to it.
func (p *Parser) Line(line []byte) {
	// Some servers convert line ends twice: "\r\r\n".
	for n := len(line); n > 0 && (line[n-1] == '\n' || line[n-1] == '\r'); n-- {
		line = line[:n-1]
	}
	if skipBlanks(line, 0) == len(line) {
		return
	}
	if p.pending != nil && p.vmsContinue(line) {
		return
	}
	if p.dialect != Auto && p.try(p.dialect, line) || p.decoration(line) {
		return
	}
	for d := Unix; d <= lastDialect; d++ {
		if d != p.dialect && p.try(d, line) {
			if p.pending == nil { // the beginning of a line proves nothing
				p.dialect = d
			}
			return
		}
	}
	p.reject(line)
}

// Finish ends the listing. Here those entries are settled that need the whole
// of it: the order of day and month, versions of VMS files, padded columns.
func (p *Parser) Finish() Result {
	p.vmsFlush()
	p.vmsVersions()
	p.dosOrder()
	p.tightFinish()
	p.result.Dialect = p.dialect
	return p.result
}

// verdict is what a dialect says of a line.
type verdict uint8

const (
	no     verdict = iota // not a line of this dialect
	entry                 // an object
	ignore                // a heading, a total
	drop                  // an object that can not be shown
	hold                  // the beginning of a wrapped line
)

// try reads line as one of dialect d, and says whether it is one.
func (p *Parser) try(d Dialect, line []byte) bool {
	p.scratch = Entry{Size: -1}
	switch readers[d](p, line, &p.scratch) {
	case entry:
		p.add(p.scratch)
	case ignore, hold:
	case drop:
		p.result.Dropped++
	case no:
		return false
	}
	return true
}

func (p *Parser) add(e Entry) {
	if p.foreign {
		// Counted, as the header can be the second half of a name with a line
		// end in it.
		p.result.Dropped++
		return
	}
	p.result.Entries = append(p.result.Entries, e)
}

func (p *Parser) reject(line []byte) {
	p.result.Unparsed++
	if len(p.result.Samples) < maxSamples {
		p.result.Samples = append(p.result.Samples, string(line[:min(len(line), maxSampleLen)]))
	}
}

// name makes a file's name of b, which may be spelled with a path.
func (p *Parser) name(b []byte) string {
	if bytes.IndexByte(b, '/') < 0 {
		return string(b)
	}
	return TrimDir(string(b), p.opt.Dir)
}

// TrimDir cuts off a name what servers put before it: "./", or the path of the
// directory that is listed, whole ("/data/pub/name" in /data/pub) or the end of
// it ("pub/name"). Any other name with a slash is returned as it is.
func TrimDir(name, dir string) string {
	if rest := strings.TrimPrefix(name, "./"); rest != "" {
		name = rest
	}
	slash := strings.LastIndexByte(name, '/')
	if slash < 0 || slash == len(name)-1 || dir == "" {
		return name
	}
	head, base := name[:slash], name[slash+1:]
	dir = "/" + strings.Trim(dir, "/")
	switch {
	case strings.HasPrefix(name, "/"):
		if head == dir || head == "" && dir == "/" {
			return base
		}
	case strings.HasSuffix(dir, "/"+head):
		return base
	}
	return name
}
