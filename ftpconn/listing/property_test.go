package listing

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// nameGen draws names as a file system can hold them, with blanks, arrows,
// dates and other bytes where they hurt; not of blanks alone.
func nameGen() *rapid.Generator[string] {
	part := rapid.OneOf(
		rapid.SampledFrom([]string{" ", "  ", " -> ", ";", "=", "; ", "Jan  1  2010", "12:30", "2014", "ü", "\xff", "<DIR>", ".", "\t", "*", "total 5"}),
		rapid.StringMatching(`[a-zA-Z0-9_]{1,8}`),
	)
	return rapid.Custom(func(t *rapid.T) string {
		name := strings.Join(rapid.SliceOfN(part, 1, 5).Draw(t, "parts"), "")
		if strings.Trim(name, " \t") == "" {
			name += "x"
		}
		return name
	}).Filter(func(s string) bool { return s != "." && s != ".." })
}

func timeGen(unit time.Duration) *rapid.Generator[time.Time] {
	from := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	return rapid.Custom(func(t *rapid.T) time.Time {
		n := rapid.Int64Range(0, int64(testNow.Sub(from)/unit)).Draw(t, "units")
		return from.Add(time.Duration(n) * unit)
	})
}

func readOne(t *rapid.T, d Dialect, line string) Entry {
	p := NewParser(Options{Now: testNow, Dialect: d})
	p.Line([]byte(line))
	r := p.Finish()
	if len(r.Entries) != 1 || r.Unparsed != 0 {
		t.Fatalf("%q: %+v", line, r)
	}
	return r.Entries[0]
}

func checkSame(t *rapid.T, line string, got, want Entry) {
	if !got.ModTime.Equal(want.ModTime) {
		t.Fatalf("%q: time %v, want %v", line, got.ModTime, want.ModTime)
	}
	got.ModTime, want.ModTime = time.Time{}, time.Time{}
	if got != want {
		t.Fatalf("%q:\ngot  %+v\nwant %+v", line, got, want)
	}
}

// TestUnixRoundTrip writes entries as GNU ls and the common servers do, and
// reads them back.
func TestUnixRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := Entry{
			Name:    nameGen().Draw(t, "name"),
			Type:    rapid.SampledFrom([]Type{File, Dir, FIFO, Socket}).Draw(t, "type"),
			Size:    rapid.Int64Range(0, 1<<50).Draw(t, "size"),
			Mode:    uint16(rapid.IntRange(0, 0o777).Draw(t, "mode")),
			HasMode: true,
		}
		var date string
		switch rapid.IntRange(0, 4).Draw(t, "date") {
		case 0:
			e.ModTime, e.ModPrec = timeGen(24*time.Hour).Draw(t, "time"), Day
			date = e.ModTime.Format("Jan _2  2006")
		case 1:
			e.ModTime, e.ModPrec = timeGen(24*time.Hour).Draw(t, "time"), Day
			date = e.ModTime.Format("Jan 02  2006")
		case 2:
			e.ModTime, e.ModPrec = timeGen(time.Minute).Filter(func(x time.Time) bool {
				return x.After(testNow.AddDate(-1, 0, 2))
			}).Draw(t, "time"), Minute
			date = e.ModTime.Format("Jan _2 15:04")
		case 3:
			e.ModTime, e.ModPrec = timeGen(time.Minute).Draw(t, "time"), Minute
			date = e.ModTime.Format("2006-01-02 15:04")
		case 4:
			e.ModTime, e.ModPrec = timeGen(time.Nanosecond).Draw(t, "time"), Second
			date = e.ModTime.Format("2006-01-02 15:04:05.000000000 +0000")
		}
		columns := rapid.SampledFrom([]string{"    1 ftp      ftp     %12d", " 1 0 0 %d", "   2 owner %d", "+ 3 u group_1 %8d"}).Draw(t, "columns")
		line := fmt.Sprintf("%c%s"+columns+" %s %s", "-d--ps"[kind(e.Type)], modeText(e.Mode), e.Size, date, e.Name)
		checkSame(t, line, readOne(t, Unix, line), e)
	})
}

// kind is the index of the type's letter in "-d--ps".
func kind(t Type) int {
	switch t {
	case Dir:
		return 1
	case FIFO:
		return 4
	case Socket:
		return 5
	}
	return 0
}

// TestUnixLinkRoundTrip: with its length as size, any target is found.
func TestUnixLinkRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := Entry{Name: nameGen().Draw(t, "name"), Target: nameGen().Draw(t, "target"), Type: Symlink, Mode: 0o777, HasMode: true, ModPrec: Day}
		e.Size, e.ModTime = int64(len(e.Target)), timeGen(24*time.Hour).Draw(t, "time")
		line := fmt.Sprintf("lrwxrwxrwx 1 u g %d %s %s -> %s", e.Size, e.ModTime.Format("Jan _2  2006"), e.Name, e.Target)
		checkSame(t, line, readOne(t, Unix, line), e)
	})
}

// TestDOSRoundTrip writes entries as IIS does.
func TestDOSRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := Entry{Name: nameGen().Draw(t, "name"), Type: rapid.SampledFrom([]Type{File, Dir}).Draw(t, "type"), ModPrec: Minute}
		e.ModTime = timeGen(time.Minute).Draw(t, "time")
		layout := rapid.SampledFrom([]string{"01-02-06  03:04PM", "01-02-2006  03:04PM", "2006-01-02  15:04", "01/02/2006  03:04 PM"}).Draw(t, "layout")
		line := e.ModTime.Format(layout)
		if e.Type == Dir {
			line += "       <DIR>          " + e.Name
		} else {
			e.Size = rapid.Int64Range(0, 1<<50).Draw(t, "size")
			line += fmt.Sprintf(" %20d %s", e.Size, e.Name)
		}
		checkSame(t, line, readOne(t, DOS, line), e)
	})
}

// TestFactsRoundTrip writes entries as RFC 3659 has it, with the facts in any
// order and spelling.
func TestFactsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := Entry{
			Name:    nameGen().Draw(t, "name"),
			Type:    rapid.SampledFrom([]Type{File, Dir, Symlink, CharDevice}).Draw(t, "type"),
			Size:    rapid.Int64Range(-1, 1<<50).Draw(t, "size"),
			HasMode: rapid.Bool().Draw(t, "has mode"),
			Unique:  rapid.StringMatching(`[a-zA-Z0-9+]{0,12}`).Draw(t, "unique"),
		}
		facts := []string{"perm=adfr", map[Type]string{File: "type=file", Dir: "Type=dir", CharDevice: "TYPE=OS.unix=chr-1/3"}[e.Type]}
		if e.Type == Symlink {
			e.Target = "/" + rapid.StringMatching(`[a-z =:/.]{0,12}`).Draw(t, "target")
			facts[1] = "type=OS.unix=slink:" + e.Target
		}
		if e.Size >= 0 {
			facts = append(facts, fmt.Sprintf("sIzE=%d", e.Size))
		}
		if e.HasMode {
			e.Mode = uint16(rapid.IntRange(0, 0o777).Draw(t, "mode"))
			facts = append(facts, fmt.Sprintf("UNIX.mode=0%o", e.Mode))
		}
		if e.Unique != "" {
			facts = append(facts, "Unique="+e.Unique)
		}
		if rapid.Bool().Draw(t, "has time") {
			e.ModTime, e.ModPrec = timeGen(time.Millisecond).Draw(t, "time"), Second
			facts = append(facts, "modify="+e.ModTime.Format("20060102150405.000"))
		}
		line := strings.Join(rapid.Permutation(facts).Draw(t, "order"), ";") + "; " + e.Name
		got, err := ParseFacts([]byte(line))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		checkSame(t, line, got, e)
	})
}
