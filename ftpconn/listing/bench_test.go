package listing

import (
	"fmt"
	"testing"
)

const benchLines = 10_000

func benchListing(format string) [][]byte {
	l := make([][]byte, benchLines)
	for i := range l {
		l[i] = fmt.Appendf(nil, format, i*37, i)
	}
	return l
}

func benchmark(b *testing.B, d Dialect, format string) {
	listing := benchListing(format)
	b.ReportAllocs()
	for b.Loop() {
		p := NewParser(Options{Now: testNow, Dialect: d})
		for _, l := range listing {
			p.Line(l)
		}
		if r := p.Finish(); len(r.Entries) != benchLines || r.Unparsed != 0 {
			b.Fatalf("%d entries, %d unparsed", len(r.Entries), r.Unparsed)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchLines, "ns/line")
}

func BenchmarkUnix(b *testing.B) {
	benchmark(b, Unix, "-rw-r--r--    1 ftpuser  ftpgroup %12d Mar 17 11:07 file-%06d.tar.gz")
}

func BenchmarkUnixYear(b *testing.B) {
	benchmark(b, Auto, "-rw-r--r--    1 ftpuser  ftpgroup %12d Mar 17  2019 file-%06d.tar.gz")
}

func BenchmarkUnixGerman(b *testing.B) {
	benchmark(b, Unix, "-rw-r--r--    1 ftpuser  ftpgroup %12d Mär 17  2019 file-%06d.tar.gz")
}

func BenchmarkDOS(b *testing.B) {
	benchmark(b, DOS, "04-27-19  12:09PM %20d file-%06d.tar.gz")
}

func BenchmarkVMS(b *testing.B) {
	benchmark(b, VMS, "X%d.TXT;%d 118/126        14-APR-1997 12:45:27  [GROUP,OWNER]    (RWED,,RWED,RE)")
}

func BenchmarkFacts(b *testing.B) {
	listing := benchListing("modify=20150813175250;perm=adfr;size=%d;type=file;unique=119FBB87UE;UNIX.group=0;UNIX.mode=0644;UNIX.owner=0; file-%06d.tar.gz")
	b.ReportAllocs()
	for b.Loop() {
		for _, l := range listing {
			if _, err := ParseFacts(l); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchLines, "ns/line")
}
