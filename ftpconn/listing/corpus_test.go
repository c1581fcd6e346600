package listing

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
)

// corpusCase is a line of cases.jsonl: a listing from the tests of another
// client, and what that client makes of it.
type corpusCase struct {
	ID         string        `json:"id"`
	System     string        `json:"system"`
	Lines      []string      `json:"lines"`
	LinesB64   []string      `json:"lines_b64"`
	Now        *time.Time    `json:"now"`
	Expect     []corpusEntry `json:"expect"`
	Error      bool          `json:"expect_error"`
	Ambiguous  any           `json:"ambiguous"`
	Conflict   any           `json:"conflict"`
	NameMatch  string        `json:"name_match"`
	Whole      bool          `json:"whole_listing"`
	Charset    string        `json:"charset"`
	Dir        string        `json:"cwd"`
	ServerHint string        `json:"server_type_hint"`
}

type corpusEntry struct {
	Name      *string      `json:"name"`
	Type      *string      `json:"type"`
	Size      *json.Number `json:"size"`
	ModTime   *time.Time   `json:"mtime"`
	Precision string       `json:"mtime_precision"`
	Mode      *string      `json:"mode"`
	ModeText  *string      `json:"mode_rwx"`
	Target    *string      `json:"target"`
}

// differing are the entries whose reference values are not in the listing, or
// follow a rule that contradicts that of the other references. They count as
// failures in the first ratio, and are left out of the second.
var differing = map[string]string{
	"jlaffaye-ftp-unix-0006":              "a date five months ahead of the clock; here more than a day ahead is last year",
	"jlaffaye-ftp-unix-0009":              "a date four months ahead of the clock; chromium-unix-0009 has last year for such a line",
	"jlaffaye-ftp-unix-0008":              "a size of 2^64-1 fits no int64",
	"filezilla-mvs-0001":                  "100 for a size in tracks is a constant of that client",
	"filezilla-mvs-0012":                  "100 for a size of ???? is a constant of that client",
	"commons-net-connect-enterprise-0004": "13:00 for a date without a time",
}

func corpusPath() string {
	if path := os.Getenv("FTPFS_LISTINGS"); path != "" {
		return path
	}
	return filepath.Join("..", "..", "..", "shared", "listings", "cases.jsonl")
}

// TestCorpus reads the listings that other clients are tested with.
func TestCorpus(t *testing.T) {
	file, err := os.Open(corpusPath())
	if err != nil {
		t.Skipf("no corpus of listings (%v); set FTPFS_LISTINGS to a cases.jsonl", err)
	}
	defer func() { _ = file.Close() }()

	total, right, excused := 0, 0, 0
	scan := bufio.NewScanner(file)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		var c corpusCase
		if err := json.Unmarshal(scan.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		got := c.parse(t)
		if c.Error {
			for _, e := range got {
				if !c.endsLine(e.Name) {
					t.Errorf("%s: %q is no name in %q", c.ID, e.Name, c.Lines)
				}
			}
			continue
		}
		if c.Ambiguous != nil || c.Conflict != nil {
			continue
		}
		wants := 0
		for i, want := range c.Expect {
			if want.self() {
				continue
			}
			wants++
			total++
			problem := c.compare(want, got, i)
			switch {
			case problem == "":
				right++
			case differing[c.ID] != "":
				excused++
			default:
				t.Errorf("%s: %s\n\tlines %q\n\tgot %+v", c.ID, problem, c.text(), got)
			}
		}
		if n := len(withoutSelf(got)); (c.Whole || len(c.Expect) == 0) && n != wants {
			t.Errorf("%s: %d entries, want %d: %+v", c.ID, n, wants, got)
		}
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
	if total == 0 {
		t.Fatal("the corpus is empty")
	}
	t.Logf("%d of %d entries (%.1f %%) as in the reference; %d differ for a reason", right, total, 100*float64(right)/float64(total), excused)
	if ratio := float64(right) / float64(total-excused); ratio < 0.99 {
		t.Errorf("%.1f %% of the entries are right, want 99 %%", 100*ratio)
	}
	if ratio := float64(right) / float64(total); ratio < 0.98 {
		t.Errorf("%.1f %% of all entries are right, want 98 %%", 100*ratio)
	}
}

func (c *corpusCase) text() []string {
	lines := c.Lines
	for _, s := range c.LinesB64 {
		b, _ := base64.StdEncoding.DecodeString(s)
		lines = append(lines, string(b))
	}
	return lines
}

func (c *corpusCase) parse(t *testing.T) []Entry {
	t.Helper()
	lines := c.text()
	if c.System == "mlsd" {
		var got []Entry
		for _, l := range lines {
			if e, err := ParseFacts([]byte(l)); err == nil {
				got = append(got, e)
			}
		}
		return got
	}
	o := Options{Dir: c.Dir}
	if c.Now != nil {
		o.Now = *c.Now
	}
	switch c.ServerHint {
	case "MVS":
		o.Dialect = MVS
	case "HPNONSTOP":
		o.Dialect = Tandem
	}
	p := NewParser(o)
	for _, l := range lines {
		p.Line([]byte(l))
	}
	return p.Finish().Entries
}

// self says whether the entry is the directory or its parent, which a parser
// may leave out.
func (want *corpusEntry) self() bool {
	return want.Name != nil && (*want.Name == "." || *want.Name == "..")
}

func withoutSelf(entries []Entry) (kept []Entry) {
	for _, e := range entries {
		if e.Name != "." && e.Name != ".." {
			kept = append(kept, e)
		}
	}
	return kept
}

// endsLine says whether a name is what a line ends with or, for VMS, begins
// with.
func (c *corpusCase) endsLine(name string) bool {
	for _, l := range c.text() {
		l = strings.TrimRight(l, " ")
		words := strings.Fields(l)
		if len(words) > 0 && words[len(words)-1] == name || strings.HasPrefix(l, name+";") {
			return true
		}
	}
	return false
}

// compare looks for an entry and says what is wrong with it.
func (c *corpusCase) compare(want corpusEntry, got []Entry, i int) string {
	var e *Entry
	if want.Name == nil {
		if i < len(got) {
			e = &got[i]
		}
	} else {
		for k := range got {
			if c.sameName(got[k].Name, *want.Name) {
				e = &got[k]
				break
			}
		}
	}
	if e == nil {
		return fmt.Sprintf("no entry %s", deref(want.Name))
	}
	if want.Type != nil && corpusType(e.Type) != *want.Type {
		return fmt.Sprintf("%q is a %s, want %s", e.Name, corpusType(e.Type), *want.Type)
	}
	if want.Size != nil && fmt.Sprint(e.Size) != want.Size.String() {
		return fmt.Sprintf("%q has %d bytes, want %s", e.Name, e.Size, *want.Size)
	}
	if want.ModTime != nil {
		unit := map[string]time.Duration{"day": 24 * time.Hour, "minute": time.Minute, "second": time.Second}[want.Precision]
		if unit == 0 {
			return "unknown precision " + want.Precision
		}
		if !e.ModTime.Truncate(unit).Equal(want.ModTime.Truncate(unit)) {
			return fmt.Sprintf("%q is of %v, want %v", e.Name, e.ModTime, *want.ModTime)
		}
	}
	for _, mode := range []*string{want.Mode, want.ModeText} {
		if mode != nil && modeText(e.Mode) != plainMode(*mode) {
			return fmt.Sprintf("%q has mode %s, want %s", e.Name, modeText(e.Mode), *mode)
		}
	}
	if want.Target != nil && e.Target != *want.Target {
		return fmt.Sprintf("%q leads to %q, want %q", e.Name, e.Target, *want.Target)
	}
	return ""
}

func deref(s *string) string {
	if s == nil {
		return "(any)"
	}
	return *s
}

// sameName compares in the charset of the case; VMS names without version,
// type of directories and case.
func (c *corpusCase) sameName(got, want string) bool {
	if strings.HasPrefix(c.NameMatch, "vms") {
		plain := func(s string) string {
			s, _, _ = strings.Cut(strings.ToLower(s), ";")
			return strings.TrimSuffix(s, ".dir")
		}
		return plain(got) == plain(want)
	}
	if utf8.ValidString(got) {
		return got == want
	}
	if s, err := japanese.ShiftJIS.NewDecoder().String(got); err == nil && s == want {
		return true
	}
	s, err := charmap.ISO8859_1.NewDecoder().String(got)
	return err == nil && s == want
}

func corpusType(t Type) string {
	switch t {
	case File:
		return "file"
	case Dir:
		return "dir"
	case Symlink:
		return "link"
	case Unknown:
		return "unknown"
	}
	return "device"
}

// modeText and plainMode leave out the set-id and sticky bits.
func modeText(m uint16) string {
	b := []byte("rwxrwxrwx")
	for i := range b {
		if m&(1<<(8-i)) == 0 {
			b[i] = '-'
		}
	}
	return string(b)
}

func plainMode(s string) string {
	return strings.NewReplacer("s", "x", "t", "x", "S", "-", "T", "-").Replace(s)
}
