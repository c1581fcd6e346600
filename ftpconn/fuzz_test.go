package ftpconn

import (
	"bufio"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
)

func FuzzReply(f *testing.F) {
	for _, s := range []string{
		"220 ready\r\n", "220-one\r\n220 two\r\n", "220-one\r\n two\r\n221 three\r\n220 end\r\n",
		"211-Features:\n MLST type*;\n211 End\n", "150\r\n", "226-\r\n226-\r\n226 \r\n", "999 x\r\n", "22", "\xff\xfb\x01220 x\r\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		br := bufio.NewReaderSize(strings.NewReader(s), maxReplyLine)
		for {
			r, err := readReply(br, "TEST", nil)
			if err != nil {
				return
			}
			if r.code < 100 || r.code > 699 || len(r.lines) == 0 {
				t.Fatalf("reply %+v", r)
			}
			if strings.Contains(strings.Join(r.lines, ""), "\n") {
				t.Fatalf("a line end in %q", r.text())
			}
		}
	})
}

func FuzzPassive(f *testing.F) {
	f.Add("Entering Passive Mode (127,0,0,1,161,195).")
	f.Add("=127,0,0,1,161,195")
	f.Add("Entering Extended Passive Mode (|||41411|)")
	f.Add("(!!!99999!)")
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := parsePassive(s); err == nil {
			if a.Port() == 0 || !a.Addr().Is4() {
				t.Fatalf("%q: %v", s, a)
			}
			if back, err := parsePassive(portArgument(a)); err != nil || back != a {
				t.Fatalf("%v became %v, %v", a, back, err)
			}
		}
		if port, err := parseExtendedPassive(s); err == nil && port == 0 {
			t.Fatalf("%q: port 0", s)
		}
	})
}

func FuzzPathname(f *testing.F) {
	f.Add(`"/a ""b"" c" is the current directory`)
	f.Add(`/plain`)
	f.Add(`""`)
	f.Fuzz(func(t *testing.T, s string) {
		quoted := `"` + strings.ReplaceAll(s, `"`, `""`) + `" is current`
		if dir, ok := parsePathname(quoted); s != "" && (!ok || dir != s) {
			t.Fatalf("%q: got %q, %v", quoted, dir, ok)
		}
		if dir, ok := parsePathname(s); ok && dir == "" {
			t.Fatal("an empty path")
		}
	})
}

// Every name that a server sends must come back to the same bytes.
func FuzzNames(f *testing.F) {
	f.Add("Gr\xfc\xdfe")
	f.Add("\x83\x65\x83\x58\x83\x67")
	f.Add("\x81")
	f.Add("\xef\x9c\x80")
	f.Fuzz(func(t *testing.T, wire string) {
		for _, cfg := range []*Config{{}, {Charset: charmap.Windows1252}, {Charset: japanese.ShiftJIS}, {Charset: charmap.KOI8R}} {
			shown := cfg.decodeName(wire)
			back, err := cfg.encodeName(shown)
			if err != nil || back != wire {
				t.Fatalf("%v: %q is shown as %q, which becomes %q, %v", cfg.Charset, wire, shown, back, err)
			}
			if !strings.Contains(wire, "/") && strings.Contains(shown, "/") {
				t.Fatalf("%q: a slash appeared in %q", wire, shown)
			}
		}
	})
}

func TestPassiveForms(t *testing.T) {
	want := netip.MustParseAddrPort("127.0.0.1:41411")
	for _, s := range []string{
		"Entering Passive Mode (127,0,0,1,161,195).", "Entering Passive Mode (127,0,0,1,161,195", "127,0,0,1,161,195",
		"=127,0,0,1,161,195", "Entering Passive Mode 127, 0, 0, 1, 161, 195", "ok 3 (127,0,0,1,161,195)",
	} {
		if got, err := parsePassive(s); err != nil || got != want {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "(127,0,0,1,161)", "(127,0,0,256,1,1)", "(127,0,0,1,0,0)", "1,2,3,4,5,6,7"} {
		if got, err := parsePassive(s); err == nil {
			t.Errorf("%q: %v", s, got)
		}
	}
	for s, want := range map[string]uint16{
		"Entering Extended Passive Mode (|||41411|)": 41411, "(!!!7!)": 7, "(|1|127.0.0.1|500|)": 500,
	} {
		if got, err := parseExtendedPassive(s); err != nil || got != want {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "(|||0|)", "(|||65536|)", "(||41411|)", "41411"} {
		if got, err := parseExtendedPassive(s); err == nil {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestReplyForms(t *testing.T) {
	for raw, want := range map[string]string{
		"220 ready\r\n":                       "220:ready",
		"220 ready\n":                         "220:ready",
		"220\r\n":                             "220:",
		"220-one\r\n220-two\r\n220 three\r\n": "220:one|two|three",
		"220-one\r\n  indented\r\n330 inside\r\n220 e\r\n": "220:one|  indented|330 inside|e",
		"211-x\r\n A\r\n211 End\r\n":                       "211:x| A|End",
	} {
		r, err := readReply(bufio.NewReaderSize(strings.NewReader(raw), maxReplyLine), "TEST", nil)
		got := strings.Join(append([]string{}, r.lines...), "|")
		if err != nil || want != string([]byte{byte('0' + r.code/100), byte('0' + r.code/10%10), byte('0' + r.code%10)})+":"+got {
			t.Errorf("%q: %d %q, %v; want %q", raw, r.code, got, err, want)
		}
	}
	for _, raw := range []string{"", "220", "hello\r\n", "22x\r\n", "220-never ends\r\n", strings.Repeat("x", maxReplyLine+10) + "\r\n"} {
		if r, err := readReply(bufio.NewReaderSize(strings.NewReader(raw), maxReplyLine), "TEST", nil); err == nil {
			t.Errorf("%.40q: %+v", raw, r)
		}
	}
}
