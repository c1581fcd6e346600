package listing

import "math"

// maxFields is how many columns of a line are looked at. The rest of the line
// belongs to the name.
const maxFields = 24

// A field is a word of a line: line[a:b].
type field struct{ a, b int }

// fields are the first words of a line, from an offset on.
type fields struct {
	line []byte
	n    int
	f    [maxFields]field
}

// split finds the words of line, beginning at offset i.
func (f *fields) split(line []byte, i int) {
	f.line, f.n = line, 0
	for f.n < maxFields {
		i = skipBlanks(line, i)
		if i == len(line) {
			return
		}
		a := i
		i = skipWord(line, i)
		f.f[f.n] = field{a, i}
		f.n++
	}
}

// at returns word k, or nothing if there are fewer.
func (f *fields) at(k int) []byte {
	if k < 0 || k >= f.n {
		return nil
	}
	return f.line[f.f[k].a:f.f[k].b]
}

// from returns the line from word k on; nothing if there are fewer words.
func (f *fields) from(k int) []byte {
	if k >= f.n {
		return nil
	}
	return f.line[f.f[k].a:]
}

// gap is the number of blanks before word k.
func (f *fields) gap(k int) int { return f.f[k].a - f.f[k-1].b }

func blank(c byte) bool  { return c == ' ' || c == '\t' }
func digit(c byte) bool  { return '0' <= c && c <= '9' }
func lower(c byte) byte  { return c | 0x20 }
func letter(c byte) bool { return 'a' <= lower(c) && lower(c) <= 'z' }

func skipBlanks(b []byte, i int) int {
	for i < len(b) && blank(b[i]) {
		i++
	}
	return i
}

func skipWord(b []byte, i int) int {
	for i < len(b) && !blank(b[i]) {
		i++
	}
	return i
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && digit(b[i]) {
		i++
	}
	return i
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && blank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// allDigits says whether b is a number.
func allDigits(b []byte) bool {
	return len(b) > 0 && skipDigits(b, 0) == len(b)
}

// small reads a number of at most limit digits; -1 if b is none.
func small(b []byte, limit int) int {
	if len(b) == 0 || len(b) > limit {
		return -1
	}
	n := 0
	for _, c := range b {
		if !digit(c) {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// number reads a number of bytes; ok says that it is one, n is -1 if it can
// not be true: below zero, as 32-bit servers show 2 GiB, or above 63 bits.
func number(b []byte) (n int64, ok bool) {
	if len(b) > 1 && b[0] == '-' {
		return -1, allDigits(b[1:])
	}
	if !allDigits(b) {
		return -1, false
	}
	for _, c := range b {
		if n > (math.MaxInt64-9)/10 {
			return -1, true
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// grouped reads a number with commas or dots between thousands: "9,730".
func grouped(b []byte) (n int64, ok bool) {
	if n, ok = number(b); ok {
		return n, true
	}
	var buf [32]byte
	k, since := 0, 0
	for i, c := range b {
		switch {
		case digit(c):
			if k == len(buf) {
				return -1, false
			}
			buf[k] = c
			k++
			since++
		case c == ',' || c == '.':
			if i == 0 || k > 3 && since != 3 || k == since && since > 3 {
				return -1, false
			}
			since = 0
		default:
			return -1, false
		}
	}
	if since != 3 {
		return -1, false
	}
	return number(buf[:k])
}

// rounded reads a number with a unit: "61.8M", "2KB", "12B". rough says that
// it is not exact.
func rounded(b []byte) (n int64, rough, ok bool) {
	i := skipDigits(b, 0)
	if i == 0 || i > 9 {
		return -1, false, false
	}
	whole, _ := number(b[:i])
	var fraction, scale int64 = 0, 1
	if i < len(b) && (b[i] == '.' || b[i] == ',') {
		j := skipDigits(b, i+1)
		if j == i+1 || j > i+5 {
			return -1, false, false
		}
		for _, c := range b[i+1 : j] {
			fraction, scale = fraction*10+int64(c-'0'), scale*10
		}
		i = j
	}
	if i == len(b) {
		return -1, false, false
	}
	var shift uint
	switch lower(b[i]) {
	case 'b':
		return whole, scale > 1, i+1 == len(b)
	case 'k':
		shift = 10
	case 'm':
		shift = 20
	case 'g':
		shift = 30
	case 't':
		shift = 40
	case 'p':
		shift = 50
	default:
		return -1, false, false
	}
	switch string(b[i+1:]) {
	case "", "B", "b", "iB":
	default:
		return -1, false, false
	}
	if whole > math.MaxInt64>>(shift+1) {
		return -1, false, true
	}
	if shift > 40 {
		fraction = 0 // its product may not fit
	}
	return whole<<shift + fraction<<shift/scale, true, true
}
