package listing

// marked says whether w is a number with an East Asian mark behind it, such
// as 月 or 日, in whatever encoding: a byte above 127, and what follows.
func marked(w []byte) bool {
	i := skipDigits(w, 0)
	return i > 0 && i < len(w) && w[i] >= 0x80
}

// markedDate takes the dates of Chinese, Japanese and Korean servers:
//
//	3月 2 15:13    3月 2日 2003年    2003年3月2日    3月2日 15:13
//
// Marks are cut off or garbled at times, so only the order of the numbers
// tells their meaning.
func (m *moment) markedDate(f *fields, k int) bool {
	var n [3]int
	count := markedNumbers(f.at(k), &n)
	switch count {
	case 3:
		m.year, m.month, m.day = n[0], n[1], n[2]
	case 2:
		m.month, m.day = n[0], n[1]
		return m.month < 13 && m.yearOrClock(f, k+1)
	case 1:
		if n[0] > 12 {
			m.year = n[0]
			if m.year < 1601 || m.year > 2199 {
				return false
			}
			return m.yearFirst(f, k)
		}
		m.month = n[0]
		return m.dayAt(f, k+1) && m.yearOrClock(f, k+2)
	default:
		return false
	}
	if m.year < 1601 || m.year > 2199 {
		return false
	}
	m.end = f.f[k].b
	m.clockAfter(f, k+1)
	return true
}

// markedNumbers collects the numbers of a word; 0 if there are more than
// three, or others than years, months and days.
func markedNumbers(w []byte, n *[3]int) int {
	count := 0
	for i := 0; i < len(w); {
		j := skipDigits(w, i)
		if j == i || count == len(n) || j-i > 4 {
			return 0
		}
		n[count] = small(w[i:j], 4)
		count++
		i = j
		for i < len(w) && !digit(w[i]) {
			i++
		}
	}
	return count
}
