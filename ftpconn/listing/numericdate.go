package listing

// dateOrder is the order of the parts of a date.
type dateOrder uint8

const (
	anyOrder dateOrder = iota
	ymd
	mdy
	dmy
)

// parts splits b at the separators - / . : into three parts; a dot at the
// end is allowed.
func parts(b []byte) (one, two, three []byte, sep byte, ok bool) {
	i := dateSep(b, 0)
	if i <= 0 {
		return nil, nil, nil, 0, false
	}
	sep = b[i]
	j := dateSep(b, i+1)
	if j < 0 || b[j] != sep || j == i+1 {
		return nil, nil, nil, 0, false
	}
	three = b[j+1:]
	if n := len(three); n > 0 && three[n-1] == '.' {
		three = three[:n-1]
	}
	return b[:i], b[i+1 : j], three, sep, len(three) > 0 && dateSep(three, 0) < 0
}

func dateSep(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch b[i] {
		case '-', '/', '.', ':':
			return i
		}
	}
	return -1
}

// date reads a date of numbers, or with the name of a month: "2004.07.15",
// "24-04-2003", "04/27/00", "1-JUN-1998", "Feb-28-1998". Where the order of
// month and day is open the month comes first, but behind dots the day does.
func (m *moment) date(b []byte, pivot int) bool {
	one, two, three, sep, ok := parts(b)
	if !ok {
		return false
	}
	m.prec = Day
	if y := small(one, 4); len(one) == 4 && y >= 0 {
		m.year, m.month, m.day = y, small(two, 2), small(three, 2)
		if m.month < 0 {
			m.month = monthOf(two)
		}
		return m.dateOK()
	}
	y := small(three, 4)
	if y < 0 || len(three) == 1 {
		return false
	}
	m.year = fullYear(y, len(three), pivot)
	a, c := small(one, 2), small(two, 2)
	switch {
	case c < 0:
		m.day, m.month = a, monthOf(two)
	case a < 0:
		m.day, m.month = c, monthOf(one)
	case a > 12, sep == '.' && c <= 12:
		m.day, m.month = a, c
	default:
		m.day, m.month = c, a
	}
	return m.dateOK()
}
