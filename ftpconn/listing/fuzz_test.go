package listing

import (
	"bytes"
	"errors"
	"testing"
)

// fuzzDialect reads any bytes as a listing of a server with that dialect, and
// checks what must hold for whatever a server sends.
func fuzzDialect(f *testing.F, d Dialect, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, listing []byte) {
		p := NewParser(Options{Now: testNow, Dialect: d, Dir: "/pub"})
		lines := 0
		for l := range bytes.SplitSeq(listing, []byte("\n")) {
			p.Line(l)
			lines++
		}
		r := p.Finish()
		if n := len(r.Entries) + r.Unparsed + r.Dropped; n > lines {
			t.Errorf("%d entries, %d unparsed, %d dropped in %d lines", len(r.Entries), r.Unparsed, r.Dropped, lines)
		}
		if len(r.Samples) > maxSamples || (r.Unparsed == 0) != (len(r.Samples) == 0) {
			t.Errorf("%d samples of %d lines", len(r.Samples), r.Unparsed)
		}
		held := 0
		for _, e := range r.Entries {
			checkEntry(t, e)
			held += len(e.Name) + len(e.Target) + len(e.Unique)
		}
		if held > len(listing) {
			t.Errorf("%d bytes of names in %d bytes", held, len(listing))
		}
		if r.Dialect > lastDialect {
			t.Errorf("dialect %d", r.Dialect)
		}
	})
}

func checkEntry(t *testing.T, e Entry) {
	t.Helper()
	switch {
	case e.Name == "", bytes.ContainsAny([]byte(e.Name), "\n"):
		t.Errorf("name of %+v", e)
	case e.Size < -1, e.SizeRough && e.Size < 0:
		t.Errorf("size of %+v", e)
	case e.Mode > 0o777, !e.HasMode && e.Mode != 0:
		t.Errorf("mode of %+v", e)
	case e.Target != "" && e.Type != Symlink:
		t.Errorf("target of %+v", e)
	case e.ModPrec == NoTime && !e.ModTime.IsZero(), e.ModPrec > Second, e.ModTime.Year() < 0 || e.ModTime.Year() > 10000:
		t.Errorf("time of %+v", e)
	case e.Type > Socket:
		t.Errorf("type of %+v", e)
	}
}

func FuzzUnix(f *testing.F) {
	fuzzDialect(
		f, Unix,
		"total 14\ndrwxr-xr-x    3 ftp      ftp          4096 May 15 18:11 .\n-rw-r--r--    1 ftp      ftp           528 Nov  1  2007  x ",
		"lrwxrwxrwx 1 u g 6 Jan 1 10:00 a -> b -> /etc/x", "crw-rw-rw- 1 root root   1,   3 Aug 16 14:28 null",
		"d????????? ? ? ? ? ? x", "drwxr-xr-x 3 u g 512 x", "-rw-r--r-- 1 u g 61.8M 26. Juli, 20:10 x", "-rw-r--r-- 1 u g 1 Feb 29 20:10 x",
		"-rw-r--r-- 1 u g 8473  4\x8c\x8e 18\x93\xfa 2003\x94N x", "-rw-r--r--. 1 u g 12 2010-01-01 12:00:00.123456789 +0100 x",
		"-rw-r--r-- 1 u g 1 Mar  1 2003  a\n-rw-r--r-- 1 u g 1 Mar  1 2003 b", "sub:\n-rw-r--r-- 1 u g 1 Mar  1 2003  a\nsub:\n",
		"-rw-r--r-- 1 u g 1 2003年3月2日 x", "-rw-r--r-- 1 u g 1 26.09. 13:45 x", "-rw-r--r-- 1 jan 10 2048 Jan  1 10:00 x",
	)
}

func FuzzFacts(f *testing.F) {
	for _, s := range []string{
		"Type=file;Size=25730;Modify=19940728095854.5;Perm=;UNIX.mode=0644; name", "type=OS.unix=slink:/a b; x", "type=cdir; .", " x", "a=b",
		"type=OS.unix=chr-1/3; x", "modify=191000101123456; x", "type=;=; x",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := ParseFacts(line)
		if err == nil {
			if !bytes.Contains(line, []byte("\n")) {
				checkEntry(t, e)
			}
			if len(e.Name)+len(e.Target)+len(e.Unique) > len(line) || e.Name == "." || e.Name == ".." || e.Name == "/" {
				t.Errorf("%q: %+v", line, e)
			}
		} else if e != (Entry{}) {
			t.Errorf("%v, and %+v", errors.Unwrap(err), e)
		}
	})
}

func FuzzFactsListing(f *testing.F) {
	fuzzDialect(f, Facts, "type=cdir; .\ntype=file;size=1; /pub/x\ntype=OS.unix=slink:/a b; x")
}

func FuzzDOS(f *testing.F) {
	fuzzDialect(f, DOS, "04-27-00  12:09PM       <DIR>          x", "2002-09-02  19:06                9,730 x",
		"11/20/2014  02:54 AM    <JUNCTION>     name [C:\\x]", "25-06-07  01:08PM 1 x\n05-06-07  01:08PM 1 y", "  1 File(s)  1 bytes", " Directory of C:\\")
}

func FuzzEPLF(f *testing.F) {
	fuzzDialect(f, EPLF, "+i8388621.48594,m825718503,r,s280,up755\tdjb.html", "+/,\tx", "+,\t")
}

func FuzzNetWare(f *testing.F) {
	fuzzDialect(f, NetWare, "d [R----F--] supervisor            512       Jan 16 18:53    login", "- [RWCEAFMS] x 0 May 05  2004 /pub/x", "d[]")
}

func FuzzVMS(f *testing.F) {
	fuzzDialect(f, VMS, "Directory A:[B]\n\nX.DIR;1  1  8-SEP-1996 16:09 [SYSTEM] (RWE,RWE,RE,RE)\nTotal of 1 file, 1 block.",
		"A.TEX;1\n   213/216  29-JAN-1996 03:33:12  [ANONYMOU,ANONYMOUS]   (RWED,RWED,,)", "A;1 1 1-JAN-2000\nA;2 1 1-JAN-2000\nA;3",
		"A;1 2KB 1-JAN-2000\nB;1\n%RMS-E-PRV", "A;1\nB;2\nC;3 (", "[X]A;1 1 1-JAN-2000 OWNER 10:00")
}

func FuzzOS400(f *testing.F) {
	fuzzDialect(f, OS400, "PEP             36864 04/03/24 14:06:34 *DIR       dir1/", "CFT      *MEM       X.FILE/Y.MBR", "Q 1 02/23/00 *FILE A.SAVF",
		"Q 1 02/23/00 1:00:00 *FILE A\nQ 1 01/02/03 1:00:00 *FILE A", "a*MEMa*Ma*MEM")
}

func FuzzOS2(f *testing.F) {
	fuzzDialect(f, OS2, "     0           DIR   04-11-103   16:27  x", " 36611      A          04-23-103   10:57  x")
}

func FuzzMVS(f *testing.F) {
	fuzzDialect(f, MVS, "Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname\nWYOSPT 3420   2003/05/21  1  200  FB      80  8053  PS  A.B",
		" Name     VV.MM   Created       Changed      Size  Init   Mod   Id\nSAVE03    01.03 2002/09/12 2002/10/11 09:37    11    11     0 KIL001\nX",
		"Migrated    A.B", "V43525 Tape 'A.B'", "EAGKCPT   000058   000009          00 RN RU            31    ANY", "J JOB01906 OUTPUT 3 Spool Files")
}

func FuzzZVM(f *testing.F) {
	fuzzDialect(f, ZVM, "PROFILE  EXEC     V         72        100          2 1999-09-15 12:34:00 -", "S   DIR      -  -  -  - 9/15/99    12:34:00 -")
}

func FuzzTandem(f *testing.F) {
	fuzzDialect(f, Tandem, "IARPTS        101O             528  6-Apr-07 14:21:18 255, 5 \"oooo\"")
}

func FuzzWFFTP(f *testing.F) {
	fuzzDialect(f, WFFTP, "config       1014196  06/03/04  Thur.   10:20:03")
}

func FuzzVxWorks(f *testing.F) {
	fuzzDialect(f, VxWorks, "   2048    Feb-28-1998  05:23:30   a dir             <DIR>", "  size   date   time   name")
}

func FuzzVShell(f *testing.F) {
	fuzzDialect(f, VShell, "206876  Apr 04, 2000 21:06 x", "0  Dec 12, 2002 02:13 x/")
}

func FuzzOS9(f *testing.F) {
	fuzzDialect(f, OS9, "20.20    07/03/29 1026   d-ewrewr    2650     85920 a dir")
}

func FuzzEnterprise(f *testing.F) {
	fuzzDialect(f, Enterprise, "-C--E-----FTP B BCC3I1       7670  1294495 Jan 13 07:42 x")
}

func FuzzUnixNumbers(f *testing.F) {
	fuzzDialect(f, UnixNumbers, "0100644   500  101   12345    123456789       x", "0120777 1 1 4 1 a -> /etc")
}

func FuzzAuto(f *testing.F) {
	fuzzDialect(f, Auto, "x;1\n-rw-r--r-- 1 u g 1 Mar  1 2003  a\n04-27-00  12:09PM <DIR> x\n+r,\tx", "total 2\nx:\n")
}
