package listing

import (
	"strings"
	"sync"

	"golang.org/x/text/encoding/charmap"
)

// monthWords are the names and abbreviations of the months in the languages
// that servers were seen to speak: English, German, French, Italian, Spanish,
// Portuguese, Catalan, Dutch, Danish, Norwegian, Swedish, Icelandic, Finnish,
// Estonian, Latvian, Lithuanian, Polish, Czech, Slovak, Slovene, Hungarian,
// Romanian, Turkish, Greek, Russian, Ukrainian, Bulgarian. A word that means
// different months in two of them (Croatian "lis" is October) is left to the
// larger language.
var monthWords = [13]string{
	1: "jan january januar jänner jän janv janvier gen gennaio ene enero janeiro gener januari janúar tammi tammikuu " +
		"jaan jaanuar janvāris saus sau sausio sty styczeń stycznia led leden ledna január ian ianuarie oca ocak " +
		"ιαν янв январь января січ січень січня яну януари",
	2: "feb february februar fév févr fev fevr février febbraio febrero fevereiro febr febrer februari febrúar helmi " +
		"helmikuu veebr veebruar februāris vas vasario lut luty lutego úno únor února február februarie şub şubat " +
		"φεβ фев февр февраль февраля лют лютий лютого февруари",
	3: "mar march märz mär mrz maerz mars mär. marzo março març mrt maart mars. maalis maaliskuu märts marts kov kovo " +
		"marzec marca bře březen března marec márc március mart martie μαρ мар март марта бер березень березня",
	4: "apr april avr avril aprile abr abril apríl huhti huhtikuu aprill aprīlis bal balandžio kwi kwiecień kwietnia " +
		"dub duben dubna ápr április aprilie nis nisan απρ апр апрель апреля кві квітень квітня април",
	5: "may mai mag maggio mayo maio maig mei maj maí touko toukokuu maijs geg gegužės kwieci maja kvě květen května " +
		"máj május mayıs μαϊ μαΐ μάι май мая тра травень травня",
	6: "jun june juni juin giu giugno junio junho juny jún júní kesä kesäkuu juuni jūn jūnijs bir birželio cze czerwiec " +
		"czerwca čen čer červen června čvn júna junij június iun iunie haz haziran ιουν июн июнь июня чер червень " +
		"червня юни",
	7: "jul july juli juil juillet jui lug luglio julio julho juliol júl júlí heinä heinäkuu juuli jūl jūlijs lie " +
		"liepos lip lipiec lipca čec čvc červenec července júla julij július iul iulie tem temmuz ιουλ июл июль июля " +
		"липень липня юли",
	8: "aug august aoû août aou aout ago agosto ag agost augustus ág ágú ágúst augusti elo elokuu augusts rgp rugp " +
		"rugpjūčio sie sierpień sierpnia srp srpen srpna avg avgust augusztus ağu ağustos αυγ авг август августа сер " +
		"серпень серпня",
	9: "sep sept september septembre set settembre sett septiembre setembro setembre septembrie syys syyskuu " +
		"septembris rgs rugs rugsėjo wrz wrzesień września zář září szept szeptember eyl eylül σεπ сен сент сентябрь " +
		"сентября вер вересень вересня септември september. septembar",
	10: "oct october okt oktober octobre ott ottobre octubre out outubro október loka lokakuu oktoober oktobris spa " +
		"spalio spal paź październik października říj říjen října octombrie eki ekim οκτ окт октябрь октября жов " +
		"жовтень жовтня октомври",
	11: "nov november novembre noviembre novembro nóv nóvember marras marraskuu novembris lap lapkr lapkričio lis " +
		"listopad listopada noi noiembrie kas kasım νοε ноя нояб ноябрь ноября ное ноември листопад листопада",
	12: "dec december dez dezember déc décembre dic dicembre diciembre dezembro des desembre desember joulu joulukuu " +
		"dets detsember decembris grd gruod gruodžio gru grudzień grudnia pro prosinec prosince dece decembrie ara " +
		"aralık δεκ дек декабрь декабря гру грудень грудня декември",
}

// monthCharsets are the encodings in which those words are recognised besides
// UTF-8: names of files may be in any of them, dates come from ls's locale.
var monthCharsets = []*charmap.Charmap{
	charmap.Windows1252, charmap.ISO8859_15, charmap.Windows1250, charmap.ISO8859_2, charmap.Windows1251, charmap.KOI8R,
	charmap.KOI8U, charmap.CodePage866, charmap.ISO8859_5, charmap.CodePage850, charmap.CodePage852, charmap.Windows1253,
	charmap.ISO8859_7, charmap.Windows1254, charmap.Windows1257, charmap.ISO8859_13,
}

// months maps every spelling to its month. Sequences of bytes that mean two
// months in two encodings are not in it.
var months = sync.OnceValue(func() map[string]int {
	m := make(map[string]int, 4096)
	for i, words := range monthWords {
		for _, w := range strings.Fields(words) {
			m[w] = i
		}
	}
	for i, words := range monthWords {
		for _, w := range strings.Fields(words) {
			for _, s := range []string{w, strings.ToUpper(w), title(w)} {
				addSpelling(m, s, i)
			}
		}
	}
	return m
})

func title(w string) string {
	r := []rune(w)
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

func addSpelling(m map[string]int, word string, month int) {
	put := func(s string) {
		switch m[s] {
		case 0:
			m[s] = month
		case month:
		default:
			m[s] = -1
		}
	}
	put(word)
	for _, c := range monthCharsets {
		if s, err := c.NewEncoder().String(word); err == nil {
			put(s)
		}
	}
}

// monthOf returns the month that a word names, without regard to case; 0 if
// it names none. A dot or comma behind it does not matter.
func monthOf(b []byte) int {
	if n := len(b); n > 0 && (b[n-1] == '.' || b[n-1] == ',') {
		b = b[:n-1]
	}
	if len(b) < 2 || len(b) > 32 || digit(b[0]) {
		return 0
	}
	if len(b) == 3 {
		if m := english(lower(b[0]), lower(b[1]), lower(b[2])); m > 0 && letter(b[0]) {
			return m
		}
	}
	if m := months()[string(b)]; m > 0 {
		return m
	}
	var buf [32]byte
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		buf[i] = c
	}
	return max(0, months()[string(buf[:len(b)])])
}

// english is the short cut for nearly all servers.
func english(a, b, c byte) int {
	switch uint32(a)<<16 | uint32(b)<<8 | uint32(c) {
	case 'j'<<16 | 'a'<<8 | 'n':
		return 1
	case 'f'<<16 | 'e'<<8 | 'b':
		return 2
	case 'm'<<16 | 'a'<<8 | 'r':
		return 3
	case 'a'<<16 | 'p'<<8 | 'r':
		return 4
	case 'm'<<16 | 'a'<<8 | 'y':
		return 5
	case 'j'<<16 | 'u'<<8 | 'n':
		return 6
	case 'j'<<16 | 'u'<<8 | 'l':
		return 7
	case 'a'<<16 | 'u'<<8 | 'g':
		return 8
	case 's'<<16 | 'e'<<8 | 'p':
		return 9
	case 'o'<<16 | 'c'<<8 | 't':
		return 10
	case 'n'<<16 | 'o'<<8 | 'v':
		return 11
	case 'd'<<16 | 'e'<<8 | 'c':
		return 12
	}
	return 0
}

// weekday says whether b is the English name of a day of the week, which ls
// and some servers put before or behind the date.
func weekday(b []byte) bool {
	if n := len(b); n > 0 && (b[n-1] == '.' || b[n-1] == ',') {
		b = b[:n-1]
	}
	switch strings.ToLower(string(b)) {
	case "mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun":
		return true
	}
	return false
}
