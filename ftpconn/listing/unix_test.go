package listing

import (
	"strings"
	"testing"
	"time"
)

func TestUnixColumns(t *testing.T) {
	// One line a case: the columns between mode and date.
	for _, c := range []struct{ line, want string }{
		{"-rw-r--r--    1 ftp      ftp           528 Nov 01  2007 README", `file 528 2007-11-01 644 "README"`},
		{"-rw-r--r-- 1 0 0 4294967297 Nov 01  2007 over 4 GiB", `file 4294967297 2007-11-01 644 "over 4 GiB"`},
		{"drwxr-xr-x   2 sys          512 Mar 27  2009 no-group", `dir 512 2009-03-27 755 "no-group"`},
		{"drwxr-xr-x   2              512 Mar 27  2009 no-owner", `dir 512 2009-03-27 755 "no-owner"`},
		{"-rw-rw----                 2786 Jul  7 01:57 size-only", `file 2786 2023-07-07T01:57 660 "size-only"`},
		{"-rw-r--r-- foo@host foo@host  6034 May 14 23:13 no-links", `file 6034 2024-05-14T23:13 644 "no-links"`},
		{"drwx------ 4 maxm Domain Users 512 Oct 2 10:59 .metadata", `dir 512 2023-10-02T10:59 700 ".metadata"`},
		{"drwxr-xr-x   (?)      (?)          4096 Apr  8  2007 unknown", `dir 4096 2007-04-08 755 "unknown"`},
		{"drwx------             folder          2 Dec 20 08:55 rumpus", `dir 2 2023-12-20T08:55 700 "rumpus"`},
		{"-rw-r--r--        0      101426   101426 Jun  7  2008 forks", `file 101426 2008-06-07 644 "forks"`},
		{"drwxr-x---+1464 chrism   chrism     41472 Feb 25 13:17 acl", `dir 41472 2024-02-25T13:17 750 "acl"`},
		{"-rw-r--r--. 1 u g 12 Jan  5 10:00 selinux", `file 12 2024-01-05T10:00 644 "selinux"`},
		{"-rw-r--r--@ 1 u g 12 Jan  5 10:00 xattr", `file 12 2024-01-05T10:00 644 "xattr"`},
		{"-rw-r--r--1 u g 0 Nov 28 15:04 glued", `file 0 2023-11-28T15:04 644 "glued"`},
		{"  918 -rw-r--r-- 1 u g 12 Jan  5 10:00 blocks", `file 12 2024-01-05T10:00 644 "blocks"`},
		{"123456 4 -rw-r--r-- 1 u g 12 Jan  5 10:00 inode", `file 12 2024-01-05T10:00 644 "inode"`},
		{"-rw-r--r--    1 ftpadmin ftpadmin125435904 Apr  9  2008 size glued to group", `file ~0 2008-04-09 644 "size glued to group"`},
		{"-rw-r--r-- 1 u g 61.8M Mar  7 18:42 rounded", `file ~64801996 2024-03-07T18:42 644 "rounded"`},
		{"-rw-r--r-- 1 u g 1,234,567 Mar  7 18:42 grouped", `file 1234567 2024-03-07T18:42 644 "grouped"`},
		{"-rw-r--r-- 1 u g -2147483648 Mar  7 18:42 wrapped", `file ? 2024-03-07T18:42 644 "wrapped"`},
		{"-rw-r--r-- 1 u g 18446744073709551615 Mar  7 18:42 huge", `file ? 2024-03-07T18:42 644 "huge"`},
		{"drwxr-xr-x 1 u g - Mar  7 18:42 dash", `dir ? 2024-03-07T18:42 755 "dash"`},
		{"drwxr-xr-x 3 user group 512 dateless", `dir 512 - 755 "dateless"`},
		{"d????????? ? ?    ?       ?            ? no access", `dir ? - "no access"`},
		{"crw-rw-rw- 1 root     root   1,   3 Aug 16 14:28 null", `char ? 2023-08-16T14:28 666 "null"`},
		{"brw-rw---- 1 root     disk   8,0 Aug 16 14:28 sda", `block ? 2023-08-16T14:28 660 "sda"`},
		{"prw-r----- 1 root     adm         0 Nov 22 10:30 fifo", `fifo 0 2023-11-22T10:30 640 "fifo"`},
		{"srw-rw-rw- 1 root     root        0 Aug 20 14:15 log", `socket 0 2023-08-20T14:15 666 "log"`},
		{"drwsrwSrwt 2 u g 0 Aug 20 14:15 set-id", `dir 0 2023-08-20T14:15 767 "set-id"`},
		{"d--S--S--T 2 u g 0 Aug 20 14:15 set-id", `dir 0 2023-08-20T14:15 000 "set-id"`},
		// Users and groups that look like dates.
		{"-rw-r--r-- 1 jan 10 2048 Jan  1 10:00 janfile", `file 2048 2024-01-01T10:00 644 "janfile"`},
		{"-rw-r--r-- 1 may users 2048 Jan  1 10:00 mayfile", `file 2048 2024-01-01T10:00 644 "mayfile"`},
	} {
		golden{name: c.line, listing: c.line, want: c.want, dialect: Unix}.run(t)
	}
}

func TestUnixDates(t *testing.T) {
	for _, c := range []struct{ date, want string }{
		{"Nov  1  2007", "2007-11-01"},
		{"Nov 01 2007", "2007-11-01"},
		{"Feb  1  8:00", "2024-02-01T08:00"},
		{"DEC 11 20:56", "2023-12-11T20:56"},
		{"Oct 08, 2002 09:47", "2002-10-08T09:47"},
		{"Fri Nov 28 15:04:05 2003", "2003-11-28T15:04:05"},
		{"Jan  2 15:04:05 2006", "2006-01-02T15:04:05"},
		{"2010-01-01 12:00:00.123456789 +0100", "2010-01-01T11:00:00.123456789"},
		{"2010-01-01 12:00", "2010-01-01T12:00"},
		{"2009-11-02 ", "2009-11-02"},
		{"11-02 12:13", "2023-11-02T12:13"},
		{"09-26 2000", "2000-09-26"},
		{"3 29 03:26", "2024-03-29T03:26"},
		{"2004.07.15  ", "2004-07-15"},
		{"24-04-2003 17:12", "2003-04-24T17:12"},
		{"01-jun-99", "1999-06-01"},
		{"1999/10/12 17:12", "1999-10-12T17:12"},
		{"29 Jul 02:27", "2023-07-29T02:27"},
		{"26. Juli, 20:10", "2023-07-26T20:10"},
		{"2.   Okt.  2003", "2003-10-02"},
		{"26.09. 13:45", "2023-09-26T13:45"},
		{"26.09.2010", "2010-09-26"},
		{"szept 26 20:10", "2023-09-26T20:10"},
		{"déc.  5  2010", "2010-12-05"},
		{" 5 juil. 10:10", "2023-07-05T10:10"},
		{"M\xe4r 13  2009", "2009-03-13"},                // ISO 8859-1
		{"15 \xe0\xef\xf0 18:11", "2024-04-15T18:11"},    // Windows 1251
		{"\xce\xcf\xd1  1  2011", "2011-11-01"},          // KOI8-R
		{"pa\xbc  1  2011", "2011-10-01"},                // ISO 8859-2
		{"3月 2 15:13", "2024-03-02T15:13"},               //
		{"3月 2日 15:13", "2024-03-02T15:13"},              //
		{"3月 2日 2003年", "2003-03-02"},                    //
		{"2010年12月25日 10:10", "2010-12-25T10:10"},        //
		{"2010年 12月 25日", "2010-12-25"},                  //
		{"12월 25일 10:10", "2023-12-25T10:10"},            //
		{"2003   3\xed\xef 20", "2003-03-20"},            // marks in a lost encoding
		{"4\x8c\x8e 18\x93\xfa 2003\x94N", "2003-04-18"}, // Shift JIS
	} {
		golden{
			name: c.date, listing: "-rw-r--r--   1 user     group        531 " + c.date + " the name",
			want: "file 531 " + c.want + ` 644 "the name"`, dialect: Unix,
		}.run(t)
	}
}

// TestUnixMonths: every word of the table, in UTF-8, means its month, unless
// it is also another month's.
func TestUnixMonths(t *testing.T) {
	for m, words := range monthWords {
		for w := range strings.FieldsSeq(words) {
			if got := monthOf([]byte(w)); got != m {
				t.Errorf("%q is month %d, want %d", w, got, m)
			}
			if got := monthOf([]byte(strings.ToUpper(w))); got != m && !strings.ContainsAny(w, "ıi") {
				t.Errorf("%q is month %d, want %d", strings.ToUpper(w), got, m)
			}
		}
	}
	for _, w := range []string{"", "x", "Foo", "jann", "12", "total", "\xff\xfe"} {
		if got := monthOf([]byte(w)); got != 0 {
			t.Errorf("%q is month %d", w, got)
		}
	}
}

func TestUnixNames(t *testing.T) {
	at := "-rw-r--r-- 1 u g 12 Jan  5 10:00 "
	for _, c := range []struct{ line, want string }{
		{at + " two  blanks ", `" two  blanks "`},
		{at + "\ttab", `"\ttab"`},
		{at + "a -> b", `"a -> b"`},
		{at + "x Jan  1  2010 y", `"x Jan  1  2010 y"`},
		{at + "-a", `"-a"`},
		{at + "[x]*", `"[x]*"`},
		{at + "esc\x1b[31m\xff", `"esc\x1b[31m\xff"`},
		{at + "carriage\r\r\n", `"carriage"`},
		{at + "./x", `"x"`},
		{at + "/etc/passwd", `"/etc/passwd"`},
		{"-rw-r--r-- 1 u g 12 Jan  1  1970 12:30 notes", `"12:30 notes"`},
		{"-rw-r--r-- 1 u g 12 Jan  1 12:30 2014 Invoices", `"2014 Invoices"`},
		{"-rw-r--r-- 1 u g 12 29 Jul 02:27 2014 Invoices", `"2014 Invoices"`},
		{"-rw-r--r-- 1 u g 12 2009-11-02   leading", `" leading"`},
	} {
		p := NewParser(Options{Now: testNow})
		p.Line([]byte(c.line))
		r := p.Finish()
		if len(r.Entries) != 1 || r.Unparsed != 0 {
			t.Errorf("%q: %+v", c.line, r)
			continue
		}
		if s := show(r.Entries[0]); !strings.HasSuffix(s, " 644 "+c.want) {
			t.Errorf("%q: %s, want %s", c.line, s, c.want)
		}
	}
}

func TestUnixLinks(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"lrwxrwxrwx 1 u g 4 Jan  1  2010 bar -> /etc", `link 4 2010-01-01 777 "bar" -> "/etc"`},
		{"lrwxrwxrwx 1 u g 0 Jan  1  2010 B A -> D C/A B", `link 0 2010-01-01 777 "B A" -> "D C/A B"`},
		// The size tells which arrow is the link's.
		{"lrwxrwxrwx 1 u g 6 Jan  1  2010 a -> b -> /etc/x", `link 6 2010-01-01 777 "a -> b" -> "/etc/x"`},
		{"lrwxrwxrwx 1 u g 11 Jan  1  2010 a -> b -> /etc/x", `link 11 2010-01-01 777 "a" -> "b -> /etc/x"`},
		{"lrwxrwxrwx 1 u g 4 Jan  1  2010 untold", `link 4 2010-01-01 777 "untold"`},
		{"drwxrwxrwx 1 u g 4 Jan  1  2010 dir/", `dir 4 2010-01-01 777 "dir"`},
	} {
		golden{name: c.line, listing: c.line, want: c.want, dialect: Unix}.run(t)
	}
}

func TestUnixListing(t *testing.T) {
	golden{
		name:    "decorations",
		listing: ".:\ntotal 14\ndrwxr-xr-x 2 u g 512 Jan  1  2010 .\n-rw-r--r-- 1 u g 12 Jan  1  2010 a\n\nsub:\ntotal 4\n-rw-r--r-- 1 u g 12 Jan  1  2010 elsewhere",
		want:    "dir 512 2010-01-01 755 \".\"\nfile 12 2010-01-01 644 \"a\"",
		dialect: Unix,
		dropped: 1, // it is elsewhere
	}.run(t)
	for _, total := range []string{"total 14", "total 1.2M", "insgesamt 14", "итого 14", "总用量 14", "\xc9\xd4\xcf\xc7\xcf 14"} {
		golden{name: total, listing: total}.run(t)
	}
	// AIX aligns the year to the left of five columns.
	golden{
		name:    "padded years",
		listing: "-rw-r--r-- 1 u g 12 Mar  1 2003  a\n-rw-r--r-- 1 u g 12 Mar  1 10:12 b",
		want:    "file 12 2003-03-01 644 \"a\"\nfile 12 2024-03-01T10:12 644 \"b\"",
		dialect: Unix,
	}.run(t)
	golden{
		name:    "years that are not padded",
		listing: "-rw-r--r-- 1 u g 12 Mar  1 2003  a\n-rw-r--r-- 1 u g 12 Mar  1 2003 b\n-rw-r--r-- 1 u g 12 Mar  1 2003  c",
		want:    "file 12 2003-03-01 644 \" a\"\nfile 12 2003-03-01 644 \"b\"\nfile 12 2003-03-01 644 \" c\"",
		dialect: Unix,
	}.run(t)
	golden{
		name:     "errors of ls",
		listing:  "ls: cannot access 'x': Permission denied\n-rw-r--r-- 1 u g 12 Jan  1  2010 a\nls: .: Permission denied",
		want:     `file 12 2010-01-01 644 "a"`,
		dialect:  Unix,
		unparsed: 2,
	}.run(t)
}

// TestUnixRejects: lines that are not entries, or whose date does not exist,
// are counted.
func TestUnixRejects(t *testing.T) {
	for _, line := range []string{
		"foo",
		"qrwwr--r-- 1 ftp ftp 528 Nov 01 2007 README",
		"-rw-r--rgb 1 ftp ftp 528 Nov 01 2007 README",
		"-rw-r--r-- ftp ftp 528 Foo 01 2007 README",
		"drwxr-xr-x 3 110 1002 3 Dec 02  209 pub",
		"drwxr-xr-x 2 root root 4096 Aug 36  2001 x",
		"drwxr-xr-x 2 root root 4096 Feb 29  2001 x",
		"drwxr-xr-x 2 root 99 4096 Feb 23 30:01 x",
		"-rw-r--r-- 1 root root 111325 Apr -7 18:79 x",
		"-rw-r--r-- 1 14 staff 80284 Aug 22  x.tar.gz",
		"drwxr-xr-x 2 0 0 4096 Mar 18  2007  ",
		"drwxr-xr-x 2 0 0 4096 Mar 18  2007",
		"-rw-r--r--",
		"-rw-r--r-- ",
		"-rw-r--r-- x",
		"? ? ? ? ? ? x",
	} {
		golden{name: line, listing: line, unparsed: 1}.run(t)
	}
}

func TestYearOfDatesWithoutOne(t *testing.T) {
	for _, c := range []struct {
		now, date, want string
	}{
		{"2024-06-15T12:00:00Z", "Jun 16 12:00", "2024-06-16T12:00"}, // a day ahead
		{"2024-06-15T12:00:00Z", "Jun 16 12:01", "2023-06-16T12:01"},
		{"2007-12-31T12:00:00Z", "Jan  1 12:00", "2008-01-01T12:00"},
		{"2007-01-01T12:00:00Z", "Dec 31 12:00", "2006-12-31T12:00"},
		{"2000-03-01T12:00:00Z", "Feb 29 00:00", "2000-02-29T00:00"},
		{"2023-03-01T12:00:00Z", "Feb 29 00:00", "2020-02-29T00:00"},
		{"2024-02-27T12:00:00Z", "Feb 29 00:00", "2020-02-29T00:00"},
		{"1903-02-27T12:00:00Z", "Feb 29 00:00", "1896-02-29T00:00"}, // 1900 had none
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		golden{
			name: c.now + " " + c.date, opt: Options{Now: now}, listing: "-rw-r--r-- 1 u g 1 " + c.date + " x",
			want: "file 1 " + c.want + ` 644 "x"`, dialect: Unix,
		}.run(t)
	}
	p := NewParser(Options{})
	p.Line([]byte("-rw-r--r-- 1 u g 1 Jun 16 12:00 x"))
	if e := p.Finish().Entries; len(e) != 1 || e[0].ModPrec != NoTime || !e[0].ModTime.IsZero() {
		t.Errorf("without a clock: %+v", e)
	}
}

// TestLocation: times are local to the server, days are not moved.
func TestLocation(t *testing.T) {
	opt := Options{Now: testNow, Location: time.FixedZone("", 2*3600)}
	golden{
		opt:     opt,
		name:    "unix",
		listing: "-rw-r--r-- 1 u g 1 Jun 15 13:00 a\n-rw-r--r-- 1 u g 1 Jun 15  2010 b\n-rw-r--r-- 1 u g 1 2010-01-01 12:00:00 +0500 c",
		want:    "file 1 2024-06-15T11:00 644 \"a\"\nfile 1 2010-06-15 644 \"b\"\nfile 1 2010-01-01T07:00:00 644 \"c\"",
		dialect: Unix,
	}.run(t)
	golden{
		opt:     opt,
		name:    "dos",
		listing: "25-06-07  01:08AM       <DIR>          a\n05-06-07  01:08AM       <DIR>          b",
		want:    "dir 0 2007-06-24T23:08 \"a\"\ndir 0 2007-06-04T23:08 \"b\"",
		dialect: DOS,
	}.run(t)
	golden{
		opt:     opt,
		name:    "mlsd is UTC",
		listing: "type=file;modify=20240101000000; a",
		want:    `file ? 2024-01-01T00:00:00 "a"`,
		dialect: Facts,
	}.run(t)
}
