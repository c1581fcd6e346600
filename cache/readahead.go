package cache

// The bounds of read-ahead.
const (
	minWindow = 256 << 10
	maxWindow = 16 << 20

	// slack is how far a read may be from the expected place and still count
	// as in order: the kernel has a few requests of 128 KiB under way and
	// does not keep their order.
	slack = 1 << 20

	// A read that comes late, because its thread was, may be further behind
	// than slack when data comes fast. It does not end the series, unless
	// strays more follow.
	lateness = 8 << 20
	strays   = 16
)

// pattern is what is known of how a handle is read. It is a pure state
// machine: reads in, plans out.
type pattern struct {
	next   int64 // where a reader in order goes on
	window int64 // how far to read ahead of it; 0: the reads are not in order
	limit  int64 // largest window
	late   int   // how many reads in a row came late
}

// plan says what to fetch for a read.
type plan struct {
	// ahead is how many bytes behind the end of the read are wanted as well.
	ahead int64
	// open says that the transfer should run on to the end of the file.
	open bool
}

// read notes a read of n bytes at an offset and plans for it.
func (p *pattern) read(off, n int64) plan {
	first := p.next == 0
	switch {
	case off == 0 && first:
		// A file that is read from its begin is most often read to its end;
		// how far ahead pays is seen later.
		p.window = minWindow
	case off >= p.next-slack && off <= p.next+2*slack && !first:
		if off+n > p.next {
			p.window = min(max(2*p.window, minWindow), p.limit)
		}
	case p.window > 0 && off < p.next && off >= p.next-lateness && p.late < strays:
		p.late++
		return plan{}
	default:
		p.window, p.late = 0, 0
		p.next = off + n
		return plan{}
	}
	p.next, p.late = max(p.next, off+n), 0
	return plan{ahead: min(p.window, p.limit), open: true}
}
