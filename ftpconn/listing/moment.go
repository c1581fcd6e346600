package listing

import "time"

// A moment is a point in time as it stands in a listing.
type moment struct {
	year, month, day   int // year -1: not told
	hour, min, sec, ns int
	prec               Precision
	zone               int // seconds east of UTC, if zoned
	zoned              bool
	end                int // offset of the byte behind it
	pad                int // blanks that may follow to fill the column, besides the one that separates
	leftYear           bool
}

// Pivots for years of two digits: the first year that means 19xx.
const (
	dosPivot  = 80 // the first year that DOS knows
	unixPivot = 70
)

// fullYear completes a year that was written with n digits. Programs that
// count years since 1900 wrote "103" for 2003.
func fullYear(y, n, pivot int) int {
	switch {
	case n > 3:
		return y
	case n == 3:
		return 1900 + y
	case y < pivot:
		return 2000 + y
	}
	return 1900 + y
}

// dateOK says whether m is a day of the calendar. Without a year, February has
// 29 days.
func (m *moment) dateOK() bool {
	if m.month < 1 || m.month > 12 || m.day < 1 || m.year == 0 || m.year > 9999 {
		return false
	}
	y := m.year
	if y < 0 {
		y = 2000
	}
	return m.day <= daysIn(m.month, y)
}

func daysIn(month, year int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// set puts m into e; false if there is no such day or time of day.
func (p *Parser) set(e *Entry, m *moment) bool {
	if !m.dateOK() {
		return false
	}
	loc := p.loc
	if m.prec <= Day {
		loc = time.UTC
	}
	if m.zoned {
		loc = time.FixedZone("", m.zone)
	}
	if m.year >= 0 {
		e.ModTime, e.ModPrec = m.in(m.year, loc), m.prec
		return true
	}
	if t, ok := p.recent(m, loc); ok {
		e.ModTime, e.ModPrec = t, m.prec
	}
	return true
}

func (m *moment) in(year int, loc *time.Location) time.Time {
	// A leap second would be the next minute.
	return time.Date(year, time.Month(m.month), m.day, m.hour, m.min, min(m.sec, 59), m.ns, loc).UTC()
}

// recent finds the year of a moment that has none. ls leaves it out for the
// last months, so it is the latest that is not ahead of the clock; one day is
// conceded to clocks and time zones. "Feb 29" belongs to a leap year.
func (p *Parser) recent(m *moment, loc *time.Location) (time.Time, bool) {
	if p.opt.Now.IsZero() {
		return time.Time{}, false
	}
	// Eight years can pass without a leap year (1900, 2100).
	for y, n := p.limit.Year(), 0; n < 10; y, n = y-1, n+1 {
		if m.day > daysIn(m.month, y) {
			continue
		}
		if t := m.in(y, loc); !t.After(p.limit) {
			return t, true
		}
	}
	return time.Time{}, false
}

// clock reads a time of day into m: "5:12", "05:12:30", "05:12:30.123456789",
// "08:04AM", "8:04p". It sets the precision.
func (m *moment) clock(b []byte) bool {
	i := skipDigits(b, 0)
	if i == 0 || i > 2 || i == len(b) || b[i] != ':' {
		return false
	}
	h := small(b[:i], 2)
	j := skipDigits(b, i+1)
	if j != i+3 {
		return false
	}
	mi, s, ns, prec := small(b[i+1:j], 2), 0, 0, Minute
	if j < len(b) && b[j] == ':' {
		i, j = j, skipDigits(b, j+1)
		if j != i+3 {
			return false
		}
		s, prec = small(b[i+1:j], 2), Second
		if j < len(b) && (b[j] == '.' || b[j] == ',') {
			i, j = j, skipDigits(b, j+1)
			ns = nanoseconds(b[i+1 : j])
		}
	}
	if j < len(b) {
		var ok bool
		if h, ok = half(b[j:], h); !ok {
			return false
		}
	}
	if h > 23 || mi > 59 || s > 60 {
		return false
	}
	m.hour, m.min, m.sec, m.ns, m.prec = h, mi, s, ns, prec
	return true
}

// half applies "AM" or "PM", "a" or "p", to an hour.
func half(b []byte, h int) (int, bool) {
	if len(b) == 0 || len(b) > 2 || len(b) == 2 && lower(b[1]) != 'm' {
		return 0, false
	}
	switch lower(b[0]) {
	case 'a':
		if h == 12 {
			h = 0
		}
	case 'p':
		if h < 12 {
			h += 12
		}
	default:
		return 0, false
	}
	return h, true
}

// nanoseconds reads the digits of a fraction of a second.
func nanoseconds(b []byte) int {
	n := 0
	for i := range 9 {
		n *= 10
		if i < len(b) {
			n += int(b[i] - '0')
		}
	}
	return n
}

// offset reads a zone of the form "+0200" into m.
func (m *moment) offset(b []byte) bool {
	if len(b) != 5 || b[0] != '+' && b[0] != '-' || !allDigits(b[1:]) {
		return false
	}
	z := small(b[1:3], 2)*3600 + small(b[3:], 2)*60
	if z > 14*3600 {
		return false
	}
	if b[0] == '-' {
		z = -z
	}
	m.zone, m.zoned = z, true
	return true
}
