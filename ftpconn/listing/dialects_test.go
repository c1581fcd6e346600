package listing

import (
	"fmt"
	"strings"
	"testing"
)

// lines joins the lines of a listing.
func lines(l ...string) string { return strings.Join(l, "\n") }

func TestDOS(t *testing.T) {
	golden{
		name: "IIS",
		listing: lines(
			"04-27-00  12:09PM       <DIR>          a dir",
			"04-27-00  12:09AM       <DIR>           leading",
			"01-06-79  02:42AM                  458 Readme.txt",
			"01-06-80  02:42AM           5000000000 10 years and under",
			"10-15-2013  10:08AM                1  two blanks "),
		want: lines(
			`dir 0 2000-04-27T12:09 "a dir"`,
			`dir 0 2000-04-27T00:09 " leading"`,
			`file 458 2079-01-06T02:42 "Readme.txt"`,
			`file 5000000000 1980-01-06T02:42 "10 years and under"`,
			`file 1 2013-10-15T10:08 " two blanks "`),
		dialect: DOS,
	}.run(t)
	golden{
		name: "dir",
		listing: lines(
			" Volume in drive C is System",
			" Volume Serial Number is 1234-5678",
			" Directory of C:\\ftp",
			"11/20/2014  02:54 AM    <DIR>          .",
			"11/20/2014  02:54 PM    <JUNCTION>     docs [C:\\x y]",
			"11/20/2014  02:54 PM    <SYMLINK>      file [b].txt [a]",
			"20.11.2014  12:54         1.234.567 german",
			"2002-09-02  19:06             9,730 iso",
			"06:25:07  01:08PM       <DIR>          colons",
			"               1 File(s)            123 bytes",
			"               2 Dir(s)   1,234,567 bytes free"),
		want: lines(
			`dir 0 2014-11-20T02:54 "."`,
			`dir 0 2014-11-20T14:54 "docs"`,
			`file ? 2014-11-20T14:54 "file [b].txt"`,
			`file 1234567 2014-11-20T12:54 "german"`,
			`file 9730 2002-09-02T19:06 "iso"`,
			`dir 0 2007-06-25T13:08 "colons"`),
		dialect: DOS,
	}.run(t)
	// One date tells the order of the parts in all of them.
	golden{
		name:    "day first",
		listing: lines("05-06-07  13:08       <DIR>          a", "25-06-07  13:08       <DIR>          b"),
		want:    lines(`dir 0 2007-06-05T13:08 "a"`, `dir 0 2007-06-25T13:08 "b"`),
		dialect: DOS,
	}.run(t)
	for _, line := range []string{
		"11-02-09  05:32PM       <GARBAGE>", "11-02-09  05:32PM       <GARBAGE> x", "11-02-09  05:32PM -1 x", "12-25-10  99:00AM  0 x",
		"12-25-10  12:00ZM  0 x", "07-17-00  ab:08AM  1 x", "07-17-00  02:08AM  1226672x x", "ab-17-00  02:08AM  1 x",
		"02-30-00  02:08AM  1 x", "12-25-10  12:00AM  0", "12-25-10  12:00AM  <DIR>", "12-25-10  12:00AM  <DIR>   ",
	} {
		golden{name: line, listing: line, unparsed: 1}.run(t)
	}
}

func TestEPLF(t *testing.T) {
	golden{
		name: "facts",
		listing: lines(
			"+i8388621.48594,m825718503,r,s280,up755\tdjb.html",
			"+i8388621.50690,m824255907,/,\t514",
			"+,r,s5,future1,\t name\twith tab ",
			"+s5,\tneither",
			"+r,/,\tboth",
			"+s99999999999999999999,m99999999999999999999,r,\thuge"),
		want: lines(
			`file 280 1996-03-01T22:15:03 755 "djb.html"`,
			`dir ? 1996-02-13T23:58:27 "514"`,
			`file 5 - " name\twith tab "`,
			`unknown 5 - "neither"`,
			`dir ? - "both"`,
			`file ? - "huge"`),
		dialect: EPLF,
	}.run(t)
	for _, line := range []string{"+r,s1234,  no tab", "+r,\t", "+", "+\tx", "+future,\tx"} {
		golden{name: line, listing: line, unparsed: 1}.run(t)
	}
}

func TestNetWare(t *testing.T) {
	golden{
		name: "rights",
		opt:  Options{Dir: "/data/FTP_pub"},
		listing: lines(
			"total 0",
			"d [R----F--] supervisor            512       Jan 16 18:53    login",
			"- [RWCEAFMS] rwinston            19968       Mar 12  2004 Executive Summary.doc",
			"d[-W---F--] SCION_VOL2                        512 Apr 13 23:12 VOL2",
			"- [RWCEAFMS] Petersm                             0 May 05  2004 /data/FTP_pub/Welcome"),
		want: lines(
			`dir 512 2024-01-16T18:53 "login"`,
			`file 19968 2004-03-12 "Executive Summary.doc"`,
			`dir 512 2024-04-13T23:12 "VOL2"`,
			`file 0 2004-05-05 "Welcome"`),
		dialect: NetWare,
	}.run(t)
	for _, line := range []string{
		"d [] ftpadmin 512 Jan 29  2004 pub", "l [RW------] ftpadmin 512 Jan 29  2004 pub", "a [-----F--] X 512 Apr 13 23:52 SYS",
		"d [RWX] ftpadmin 512 Jan 29  2004 pub", "d [RW", "d [RW]", "d [RW] x 512 Jan 29 2004 ",
	} {
		golden{name: line, listing: line, unparsed: 1}.run(t)
	}
}

func TestVMS(t *testing.T) {
	golden{
		name: "fields in any order",
		listing: lines(
			"", "Directory SYS$SYSDEVICE:[ANON]", "",
			"CORE.DIR;1          1  8-SEP-1996 16:09 [SYSTEM] (RWE,RWE,RE,RE)",
			"00README.TXT;1      9/12 30-DEC-1996 17:44:01.25 [GROUP, OWNER] (RWED,RWED,RE,RE)",
			"A.;2                    18/18          1-JUL-1998 08:43:20  [GROUP,OWNER]    (RWED,RWED,RWED,RE)",
			"NOTIME.TXT;1    2/8    7-JAN-2000    [IV2_XXX]   (RWED,RWED,RE,)",
			"BARE.TXT;1      6/8    15-JUN-2002    PRONAS   (RWED,RWED,RE,)",
			"OWNER.TXT;1   [SUMMARY]    1/3     2-AUG-2006 13:05  (RWE,RWE,RE,)",
			"SIZELAST.TXT;1   17-JUN-1994 17:25:37     6308/13     (RWED,RWED,R,)",
			"KB.TXT;1 2KB 23-SEP-2005 14:57:07.27",
			"[SUB]PATH.TXT;1 1 23-SEP-2005 14:57",
			"", "Total of 9 files, 6364/80 blocks."),
		want: lines(
			`dir ~512 1996-09-08T16:09 "CORE"`,
			`file ~4608 1996-12-30T17:44:01.25 "00README.TXT"`,
			`file ~9216 1998-07-01T08:43:20 "A."`,
			`file ~1024 2000-01-07 "NOTIME.TXT"`,
			`file ~3072 2002-06-15 "BARE.TXT"`,
			`file ~512 2006-08-02T13:05 "OWNER.TXT"`,
			`file ~3229696 1994-06-17T17:25:37 "SIZELAST.TXT"`,
			`file ~2048 2005-09-23T14:57:07.27 "KB.TXT"`,
			`file ~512 2005-09-23T14:57 "PATH.TXT"`),
		dialect: VMS,
	}.run(t)
	golden{
		name: "wrapped lines",
		listing: lines(
			"A_LONG_NAME_THAT_WRAPS_THE_LINE.TEX;1",
			"                213/216  29-JAN-1996 03:33:12  [ANONYMOU,ANONYMOUS]   (RWED,RWED,,)",
			"SIZE_TOO.TEX;1        213/216",
			"  29-JAN-1996 03:33:12  [ANONYMOU,ANONYMOUS]   (RWED,RWED,,)",
			"BRIEF.TXT;1",
			"REFUSED.TXT;1",
			"   %RMS-E-PRV, insufficient privilege or file protection violation",
			"ALSO_REFUSED.TXT;1  insufficient privilege or object protection violation",
			"LAST.TXT;7"),
		want: lines(
			`file ~109056 1996-01-29T03:33:12 "A_LONG_NAME_THAT_WRAPS_THE_LINE.TEX"`,
			`file ~109056 1996-01-29T03:33:12 "SIZE_TOO.TEX"`,
			`file ? - "BRIEF.TXT"`,
			`file ? - "LAST.TXT"`),
		dialect: VMS,
		dropped: 2,
	}.run(t)
	// Only the latest version has the plain name.
	golden{
		name: "versions",
		listing: lines(
			"Directory USER1:[TEMP]",
			"A.LIS;1              9/9           3-JUN-1998 07:32",
			"A.LIS;10             9/9           7-JUN-1998 07:32",
			"A.LIS;9              9/9           4-JUN-1998 07:32",
			"B.LIS;3              9/9           4-JUN-1998 07:32",
			"Total 4 files"),
		want: lines(
			`file ~4608 1998-06-03T07:32 "A.LIS;1"`,
			`file ~4608 1998-06-07T07:32 "A.LIS"`,
			`file ~4608 1998-06-04T07:32 "A.LIS;9"`,
			`file ~4608 1998-06-04T07:32 "B.LIS"`),
		dialect: VMS,
	}.run(t)
	for _, empty := range []string{"Directory A:[B]\n\n%DIRECT-W-NOFILES, no files found", "Total of 0 blocks in 0 files in 0 directories."} {
		golden{name: empty, listing: empty, dialect: VMS}.run(t)
	}
	for _, line := range []string{
		"README.TXT 2 18-APR-2000 10:40:39", "README.TXT;1 garbage 18-APR-2000 10:40:39", "README.TXT;1 2 18-APR 10:40:39",
		"README.TXT;2 9/9 JUN-2-1998 07:32:04", "README.TXT;1 9/9 31-JUN-1998", "README.TXT;1", "README.TXT;1 [X", "README.TXT;x 1 1-JUN-1998",
	} {
		golden{name: line, listing: line, unparsed: 1}.run(t)
	}
}

func TestOS400(t *testing.T) {
	golden{
		name: "objects",
		opt:  Options{Dir: "/QSYS.LIB/A.LIB/X.FILE"},
		listing: lines(
			"PEP             36864 04/03/24 14:06:34 *DIR       dir1/",
			"PEP              4019 04/03/18 18:58:16 *STMF      name with blanks.zip",
			"PEP               422 04/03/24 *STMF      readme",
			"QSYS           135168 04/03/18 13:18:19 *FILE      RPGUNITC1.FILE",
			"QSYS           135168 04/03/18 13:18:19 *FILE      RPGUNIT.SAVF",
			"QSYS            20480 04/03/24 14:06:34 *LIB       A.LIB/",
			"QSYS            20480 04/03/24 14:06:34 *PGM       A.PGM",
			"CFT                                     *MEM       X.FILE/Y.MBR",
			"CFT                                     *MEM       Z.FILE/Y.MBR"),
		want: lines(
			`dir 36864 2004-03-24T14:06:34 "dir1"`,
			`file 4019 2004-03-18T18:58:16 "name with blanks.zip"`,
			`file 422 2004-03-24 "readme"`,
			`dir 135168 2004-03-18T13:18:19 "RPGUNITC1.FILE"`,
			`file 135168 2004-03-18T13:18:19 "RPGUNIT.SAVF"`,
			`dir 20480 2004-03-24T14:06:34 "A.LIB"`,
			`unknown 20480 2004-03-24T14:06:34 "A.PGM"`,
			`file ? - "Y.MBR"`,
			`file ? - "Z.FILE/Y.MBR"`),
		dialect: OS400,
	}.run(t)
	// 02/23/00 can only be February 23, and tells the order of what follows.
	for _, c := range []struct{ first, second, want string }{
		{"02/23/00", "03/04/05", "2005-03-04"},
		{"23.02.00", "03.04.05", "2005-04-03"},
		{"95/02/23", "03/04/05", "2003-04-05"},
	} {
		golden{
			name:    c.first,
			listing: fmt.Sprintf("QSYS  1 %s 15:09:55 *DIR a/\nQSYS  1 %s 15:09:55 *DIR b/", c.first, c.second),
			want: fmt.Sprintf("dir 1 %sT15:09:55 \"a\"\ndir 1 %sT15:09:55 \"b\"",
				map[byte]string{'0': "2000-02-23", '2': "2000-02-23", '9': "1995-02-23"}[c.first[0]], c.want),
			dialect: OS400,
		}.run(t)
	}
	for _, line := range []string{
		"PEP USR         36864 04/03/24 14:06:34 *DIR       dir1/", "QPGMR          135168 04/03/18 13:18:19 *FILE",
		"QPGMR          135168    03/24 13:18:19 *FILE      X.FILE", "*MEM *MEM x", "a*MEM", "QPGMR *mem x", "QPGMR 1 *MEM x",
	} {
		golden{name: line, listing: line, unparsed: 1}.run(t)
	}
}

func TestOS2(t *testing.T) {
	golden{
		name: "attributes",
		listing: lines(
			"     0           DIR   04-11-103   16:27  a dir",
			" 36611      A          04-23-103   10:57  file",
			"149473      RHSA       11-17-98    16:07  POPUPLOG.OS2",
			"     0           DIR   05-19-2000  12:56  local"),
		want: lines(
			`dir 0 2003-04-11T16:27 "a dir"`,
			`file 36611 2003-04-23T10:57 "file"`,
			`file 149473 1998-11-17T16:07 "POPUPLOG.OS2"`,
			`dir 0 2000-05-19T12:56 "local"`),
		dialect: OS2,
	}.run(t)
	for _, line := range []string{"     0    rsa    DIR   11-25-97   09:42  junk", " 33280 A 1997-02-03  13:49  OS2LDR", " 33280 A 02-03-97 13:49"} {
		golden{name: line, listing: line, unparsed: 1}.run(t)
	}
}

func TestMVS(t *testing.T) {
	golden{
		name: "data sets",
		listing: lines(
			"Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname",
			"WYOSPT 3420   2003/05/21  1  200  FB      80  8053  PS  HLQ.SEQ",
			"WYOSPT 3420   2003/05/21  1 ????  FB      80  8053  PS  HLQ.MANY",
			"WPTA01 3290   2004/03/04  1    3  FB      80  3125  PO  HLQ.LIB",
			"WPTA01 3290   2004/03/04  1    3  U     6447  6447  PO-E HLQ.PDSE",
			"NRP004 3390   **NONE**    1   15  NONE     0     0  PO  HLQ.NEVER",
			"TSO005 3390   2005/06/06 213000 U 0 27998 PO HLQ.GLUED",
			"TSO004 3390   VSAM HLQ.CLUSTER",
			"Migrated                                      HLQ.MIGRATED",
			"ARCIVE Not Direct Access Device               HLQ.ARCHIVED",
			"V43525 Tape                                   HLQ.TAPE",
			"Pseudo Directory                              HLQ.DEEP",
			"User catalog connector                        UCAT.X",
			"Error determining attributes                  HLQ.ERR",
			"PUB001 3390   2024/01/02  1    1  VB     255 27998  PS  'HLQ.QUOTED'"),
		want: lines(
			`file ? 2003-05-21 "HLQ.SEQ"`,
			`file ? 2003-05-21 "HLQ.MANY"`,
			`dir ? 2004-03-04 "HLQ.LIB"`,
			`dir ? 2004-03-04 "HLQ.PDSE"`,
			`dir ? - "HLQ.NEVER"`,
			`dir ? 2005-06-06 "HLQ.GLUED"`,
			`file ? - "HLQ.CLUSTER"`,
			`file ? - "HLQ.MIGRATED"`,
			`file ? - "HLQ.ARCHIVED"`,
			`file ? - "HLQ.TAPE"`,
			`dir ? - "HLQ.DEEP"`,
			`unknown ? - "UCAT.X"`,
			`unknown ? - "HLQ.ERR"`,
			`file ? 2024-01-02 "HLQ.QUOTED"`),
		dialect: MVS,
	}.run(t)
	golden{
		name: "members",
		listing: lines(
			" Name     VV.MM   Created       Changed      Size  Init   Mod   Id",
			" SAVE03    01.03 2002/09/12 2002/10/11 09:37    11    11     0 KIL001",
			" NOVERS    2004/06/22 16:32   128   128    0 BOBY12",
			" BARE",
			" A@B$#1"),
		want: lines(
			`file ? 2002-10-11T09:37 "SAVE03"`,
			`file ? 2004-06-22T16:32 "NOVERS"`,
			`file ? - "BARE"`,
			`file ? - "A@B$#1"`),
		dialect: MVS,
	}.run(t)
	golden{
		name:    "members without a heading, from a server that is known",
		opt:     Options{Dialect: MVS},
		listing: lines("MEMBER", "not a member"),
		want:    `file ? - "MEMBER"`, dialect: MVS, unparsed: 1,
	}.run(t)
	golden{
		name: "modules",
		listing: lines(
			" Name      Size   TTR   Alias-of AC --------- Attributes --------- Amode Rmode",
			"EAGKCPT   000058   000009          00 RN RU            31    ANY",
			"IEFBR14   000008   00000A  ALIAS   00 RN               24    24"),
		want:    lines(`file ~88 - "EAGKCPT"`, `file ~8 - "IEFBR14"`),
		dialect: MVS,
	}.run(t)
	golden{
		name: "jobs",
		listing: lines(
			"JOBNAME  JOBID    OWNER    STATUS CLASS",
			"IBMUSER1 JOB01906 IBMUSER  OUTPUT A RC=0000 3 spool files",
			"IBMUSER2 J0001907 IBMUSER  ACTIVE A"),
		want:    lines(`file ? - "JOB01906"`, `file ? - "J0001907"`),
		dialect: MVS,
	}.run(t)
	golden{name: "job without heading", listing: "IBMUSER1 JOB01906 OUTPUT    3 Spool Files", want: `file ? - "JOB01906"`, dialect: MVS}.run(t)
}

func TestZVM(t *testing.T) {
	golden{
		name: "minidisk",
		listing: lines(
			"PROFILE  EXEC     V         72        100          2 1999-09-15 12:34:00 -",
			"OBJECTS  MACLIB   F         80       1000         40 9/15/99    12:34:56 OWNER",
			"SUBDIR   DIR      -          -          -          - 1999-09-15 12:34:00 -"),
		want: lines(
			`file ~7200 1999-09-15T12:34:00 "PROFILE.EXEC"`,
			`file ~80000 1999-09-15T12:34:56 "OBJECTS.MACLIB"`,
			`dir ? 1999-09-15T12:34:00 "SUBDIR"`),
		dialect: ZVM,
	}.run(t)
}

// TestSmallDialects: those with a single form.
func TestSmallDialects(t *testing.T) {
	golden{
		name: "tandem",
		listing: lines(
			"File         Code             EOF  Last Modification    Owner  RWEP",
			"IARPTS        101             528  6-Apr-07 14:21:18 255,255 \"oooo\"",
			"JENNYCB2     101O              16  6-Apr-2007 14:21:18 255, 45 \"oooo\""),
		want:    lines(`file 528 2007-04-06T14:21:18 "IARPTS"`, `file 16 2007-04-06T14:21:18 "JENNYCB2"`),
		dialect: Tandem,
	}.run(t)
	golden{
		name:    "wfftp",
		listing: "config       1014196  06/03/04  Thur.   10:20:03",
		want:    `file 1014196 2004-06-03T10:20:03 "config"`,
		dialect: WFFTP,
	}.run(t)
	golden{
		name: "vxworks",
		listing: lines(
			"  size          date       time       name",
			"--------       ------     ------    --------",
			"    512    JAN-01-1980  00:00:00   .                 <DIR>",
			"   2048    Feb-28-1998  05:23:30   a dir             <DIR>",
			"  90000    Feb-28-1998  05:23:30   a file"),
		want: lines(
			`dir 512 1980-01-01T00:00:00 "."`,
			`dir 2048 1998-02-28T05:23:30 "a dir"`,
			`file 90000 1998-02-28T05:23:30 "a file"`),
		dialect: VxWorks,
	}.run(t)
	golden{
		name:    "vshell",
		listing: lines("206876  Apr 04, 2000 21:06 a file", "     0  Dec 12, 2002 02:13 a dir/"),
		want:    lines(`file 206876 2000-04-04T21:06 "a file"`, `dir 0 2002-12-12T02:13 "a dir"`),
		dialect: VShell,
	}.run(t)
	golden{
		name: "os9",
		listing: lines(
			"Owner    Last modified  Attributes Sector Bytecount Name",
			"-------- ------------- ---------- ------ --------- -----",
			"20.20    07/03/29 1026   d-ewrewr    2650     85920 a dir",
			"0.0      07/03/29 1026   ------wr    2650     85920 f"),
		want:    lines(`dir 85920 2007-03-29T10:26 777 "a dir"`, `file 85920 2007-03-29T10:26 600 "f"`),
		dialect: OS9,
	}.run(t)
	golden{
		name: "enterprise",
		listing: lines(
			"-C--E-----FTP B BCC3I1       7670  1294495 Jan 13 07:42 a batch",
			"-ART------TCP D CU3I1       35290       41 Oct 26  2004 name"),
		want:    lines(`file 1294495 2024-01-13T07:42 "a batch"`, `file 41 2004-10-26 "name"`),
		dialect: Enterprise,
	}.run(t)
	golden{
		name: "numbers",
		listing: lines(
			"0100644   500  101   12345    123456789       a file",
			"0040755   500  101   4096    123456789       a dir",
			"0120777   500  101   4    123456789       a -> /etc"),
		want: lines(
			`file 12345 1973-11-29T21:33:09 644 "a file"`,
			`dir 4096 1973-11-29T21:33:09 755 "a dir"`,
			`link 4 1973-11-29T21:33:09 777 "a" -> "/etc"`),
		dialect: UnixNumbers,
	}.run(t)
}
