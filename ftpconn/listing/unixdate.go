package listing

// findDate looks for the date among the columns behind the mode, and returns
// the number of its first word; 0 if there is none.
func findDate(f *fields, m *moment) int {
	for k := 1; k < f.n; k++ {
		if !startsDate(f.at(k)) {
			continue
		}
		if _, _, ok := sizeBefore(f, k); !ok || !dateAt(f, k, m) {
			continue
		}
		// Users and groups may be called Jan or May, and sizes look like
		// years: "1 jan 10 2048 Jan  1 10:00 name". With all four columns
		// before it the later one is the date.
		if k < 4 && m.end > f.f[min(3, f.n-1)].a {
			var later moment
			if _, _, ok := sizeBefore(f, 4); ok && f.n > 4 && startsDate(f.at(4)) && dateAt(f, 4, &later) {
				*m = later
				return 4
			}
		}
		return k
	}
	return 0
}

// startsDate sorts out most columns cheaply.
func startsDate(w []byte) bool {
	return len(w) > 0 && (digit(w[0]) || letter(w[0]) || w[0] >= 0x80)
}

// dateAt reads the date that begins at word k.
func dateAt(f *fields, k int, m *moment) bool {
	*m = moment{year: -1, prec: Day}
	w := f.at(k)
	switch {
	case !digit(w[0]):
		if mon := monthOf(w); mon > 0 {
			m.month = mon
			return m.dayAt(f, k+1) && m.yearOrClock(f, k+2) && m.dateOK()
		}
		// "Fri Nov 28 15:04:05 2003"
		return weekday(w) && f.n > k+1 && monthOf(f.at(k+1)) > 0 && dateAt(f, k+1, m)
	case marked(w):
		return m.markedDate(f, k) && m.dateOK()
	case allDigits(w) || len(w) > 1 && w[len(w)-1] == '.' && allDigits(w[:len(w)-1]):
		return m.dayFirst(f, k) && m.dateOK()
	}
	return m.numeric(f, k) && m.dateOK()
}

// dayAt takes the day of the month from word k: "2", "02", "2,", "2.".
func (m *moment) dayAt(f *fields, k int) bool {
	w := f.at(k)
	if n := len(w); n > 1 && (w[n-1] == ',' || w[n-1] == '.') {
		w = w[:n-1]
	} else if i := skipDigits(w, 0); i > 0 && marked(w) {
		w = w[:i]
	}
	m.day = small(w, 2)
	return m.day > 0 && m.day < 32
}

// yearOrClock takes what follows month and day.
func (m *moment) yearOrClock(f *fields, k int) bool {
	w := f.at(k)
	if m.clock(w) || m.dottedClock(f, k) {
		m.end = f.f[k].b
		if m.prec == Second {
			m.afterSeconds(f, k+1)
		}
		return true
	}
	if !m.yearAt(w) {
		return false
	}
	m.end = f.f[k].b
	previous := f.at(k - 1)
	comma := previous[len(previous)-1] == ','
	if comma || f.gap(k) == 1 {
		// "Oct 08, 2002 09:47 name". Behind a year that fills a column of
		// five, "Nov 01  2007", the name begins.
		t := *m
		if f.n > k+2 && f.gap(k+1) == 1 && t.clock(f.at(k+1)) {
			*m, m.end = t, f.f[k+1].b
			return true
		}
		// "Mar  1 2003  name": left aligned, in the column of HH:MM.
		if !comma {
			m.leftYear, m.pad = true, 1
		}
	}
	return true
}

// afterSeconds takes what full times have behind them: a year (BSD's ls -T)
// or a time zone. They count only if something is left for the name.
func (m *moment) afterSeconds(f *fields, k int) {
	if f.n <= k+1 {
		return
	}
	if m.year < 0 && m.yearAt(f.at(k)) || m.offset(f.at(k)) {
		m.end = f.f[k].b
	}
}

// dottedClock takes "18.11", as Finnish and Danish servers write it; only if a
// name follows.
func (m *moment) dottedClock(f *fields, k int) bool {
	w := f.at(k)
	if len(w) != 5 || w[2] != '.' || f.n <= k+1 {
		return false
	}
	h, mi := small(w[:2], 2), small(w[3:], 2)
	if h < 0 || h > 23 || mi < 0 || mi > 59 {
		return false
	}
	m.hour, m.min, m.prec = h, mi, Minute
	return true
}

// yearAt takes a year of four digits, with a comma or an East Asian mark.
func (m *moment) yearAt(w []byte) bool {
	i := skipDigits(w, 0)
	if i != 4 || i < len(w) && w[i] < 0x80 && w[i] != ',' {
		return false
	}
	y := small(w[:4], 4)
	if y < 1601 || y > 2199 {
		return false
	}
	m.year = y
	return true
}

// dayFirst takes "15 апр 18:11", "26. Juli, 20:10", "2. Okt. 2003", and the
// numbers "3 29 03:26" (month, day).
func (m *moment) dayFirst(f *fields, k int) bool {
	if m.yearAt(f.at(k)) && len(f.at(k)) == 4 {
		return m.yearFirst(f, k)
	}
	next := f.at(k + 1)
	if mon := monthOf(next); mon > 0 {
		m.month = mon
		return m.dayAt(f, k) && m.yearOrClock(f, k+2)
	}
	mon := small(f.at(k), 2)
	if mon < 1 || mon > 12 || !m.dayAt(f, k+1) || !m.clock(f.at(k+2)) {
		return false
	}
	m.month, m.end = mon, f.f[k+2].b
	return true
}

// yearFirst takes "2003 3月 20" and "2003 Mar 20 [12:00]".
func (m *moment) yearFirst(f *fields, k int) bool {
	w := f.at(k + 1)
	if len(w) == 0 {
		return false
	}
	if marked(w) {
		m.month = small(w[:skipDigits(w, 0)], 2)
	} else {
		m.month = monthOf(w)
	}
	if m.month < 1 || !m.dayAt(f, k+2) {
		return false
	}
	m.end = f.f[k+2].b
	m.clockAfter(f, k+3)
	return true
}

// clockAfter takes a time of day from word k, if there is one and a name
// behind it.
func (m *moment) clockAfter(f *fields, k int) bool {
	if f.n <= k || f.f[k].b >= len(f.line)-1 || !m.clock(f.at(k)) {
		return false
	}
	m.end = f.f[k].b
	if m.prec == Second {
		m.afterSeconds(f, k+1)
	}
	return true
}

// numeric takes "2005-06-07 21:22", "2004.07.15", "24-04-2003 17:12",
// "01-jun-99", "09-26 13:45", "09-26 2000".
func (m *moment) numeric(f *fields, k int) bool {
	w := f.at(k)
	if m.date(w, unixPivot) {
		m.end = f.f[k].b
		if !m.clockAfter(f, k+1) {
			// Without a time the column is padded to some width.
			m.pad = f.gapAfter(k) - 1
			if len(w) == 10 && w[4] == '-' {
				m.pad = 1 // ls --time-style=iso: the date and one blank
			}
		}
		return true
	}
	*m = moment{year: -1, prec: Day}
	i := dateSep(w, 0)
	if i < 1 {
		return false
	}
	sep, one, two := w[i], small(w[:i], 2), w[i+1:]
	if n := len(two); n > 0 && two[n-1] == '.' {
		two = two[:n-1]
	}
	m.month, m.day = one, small(two, 2)
	if sep == '.' || m.month > 12 {
		m.month, m.day = m.day, m.month
	}
	return m.month > 0 && m.yearOrClock(f, k+1)
}

// gapAfter is the number of blanks behind word k.
func (f *fields) gapAfter(k int) int {
	return skipBlanks(f.line, f.f[k].b) - f.f[k].b
}
