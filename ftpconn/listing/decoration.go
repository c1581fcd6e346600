package listing

import (
	"bytes"
	"strings"
)

// totals are the first words of the line in which ls sums up the blocks.
var totals = map[string]bool{
	"total": true, "totale": true, "totaal": true, "totalt": true, "insgesamt": true, "gesamt": true, "итого": true,
	"всего": true, "razem": true, "celkem": true, "yhteensä": true, "összesen": true, "toplam": true, "合計": true,
	"总用量": true, "總計": true, "总计": true, "합계": true, "σύνολο": true, "łącznie": true, "spolu": true, "skupaj": true,
	"kokku": true, "загалом": true, "sammanlagt": true,
}

// decoration says whether line is one that any ls may print and that is no
// entry: the total, the header of a directory.
func (p *Parser) decoration(line []byte) bool {
	var f fields
	f.split(line, 0)
	if f.n == 2 && isTotal(f.at(0), f.at(1)) {
		return true
	}
	// ls -R, ls -l dir: "dirname:". The first one is the directory itself,
	// what stands below a later one is elsewhere.
	text := trimRight(line)
	if n := len(text); n > 1 && text[n-1] == ':' && (p.dialect == Unix || p.dialect == Auto && f.n == 1) && !bytes.Contains(text, []byte(": ")) {
		p.foreign = len(p.result.Entries) > 0 && string(text) != ".:"
		return true
	}
	return false
}

// isTotal recognises "total 14", "total 1.2M", "insgesamt 14"; and, if it has
// letters beyond ASCII, any word in any encoding.
func isTotal(word, n []byte) bool {
	if _, ok := grouped(n); !ok {
		if _, _, ok := rounded(n); !ok {
			return false
		}
	}
	text := strings.TrimSuffix(strings.ToLower(string(word)), ":")
	if totals[text] {
		return true
	}
	for _, c := range word {
		if c < 0x80 {
			return false
		}
	}
	return true
}
