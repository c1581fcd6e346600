package ftpconn

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
)

// FTP ends a listing as it ends a file, by closing the data connection, and a
// server does not notice if something between cuts that short after the server
// has sent all: it says 226. What gives such a cut away is a last line without
// an end, and a listing of nothing, which from many servers would hold the
// entry "." at least. cutWatch looks for both: what looks cut is asked for
// again. TLS does not need it.
//
// It also ends a listing that does not end by itself: one of nothing but empty
// or odd lines, or of one line.
type cutWatch struct {
	r     io.Reader
	limit int // of lines, whatever stands in them
	lines int
	line0 int64 // bytes since the last line end
	bytes int64
	sum   uint32
	last  byte
	dot   bool // the directory itself is among the entries
}

func (w *cutWatch) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.bytes += int64(n)
		w.sum = crc32.Update(w.sum, crc32.IEEETable, p[:n])
		w.last = p[n-1]
		w.lines += bytes.Count(p[:n], []byte("\n"))
		if i := bytes.LastIndexByte(p[:n], '\n'); i >= 0 {
			w.line0 = int64(n - 1 - i)
		} else {
			w.line0 += int64(n)
		}
		if w.lines > w.limit || w.line0 > endlessLine {
			return 0, errTooMany
		}
	}
	return n, err
}

// line looks at a line of the listing.
func (w *cutWatch) line(line []byte) {
	if !w.dot {
		w.dot = bytes.HasSuffix(line, []byte(" .")) && !bytes.HasSuffix(line, []byte(" -> .")) || bytes.Contains(bytes.ToLower(line), []byte("type=cdir;"))
	}
}

// verdict says whether the listing of dir by a command seems to have been cut.
// What a server has answered the same before is its own way, unless it is known
// to be better.
func (w *cutWatch) verdict(c *Conn, cmd command, dir string) error {
	how := cmd.verb
	if cmd.verb == "LIST" {
		how = cmd.String()
	}
	what := fmt.Sprint(how, " ", dir, " ", w.bytes, " ", w.sum)
	s := c.srv
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dots == nil {
		s.dots = make(map[string]bool)
	}
	if w.dot {
		s.dots[how] = true
	}
	reason, strict := "", s.software != otherSoftware
	switch {
	case w.bytes == 0:
		reason, strict = "nothing came", strict && s.dots[how]
	case w.last != '\n' && !s.bareEnd:
		reason = "the last line has no end"
	default:
		return nil
	}
	if s.looksCut[what] && !strict {
		s.bareEnd = s.bareEnd || w.bytes > 0
		return nil
	}
	if s.looksCut == nil || len(s.looksCut) >= maxLooksCut {
		s.looksCut = make(map[string]bool)
	}
	s.looksCut[what] = true
	return fmt.Errorf("%s %s: %w: %s", cmd.verb, Printable(dir), ErrShort, reason)
}

// endlessLine is how long a line is skipped that is too long to be read.
const endlessLine = 16 << 20

// maxLooksCut bounds what is remembered of listings that looked cut.
const maxLooksCut = 10_000
