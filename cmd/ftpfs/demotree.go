package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"ftpfs/ftpconn/ftptest"
)

const demoReadme = `This directory is on an FTP server; ftpfs makes it look like a local one.

What you saw: one control connection, on which lines of text go to and fro,
and for each listing and each file a data connection. EPSV asks the server for
a port to connect to, MLSD sends a listing through it, RETR a file.

Try: ls -l, find, cp -r, grep -r, du -sh, tar c . | wc -c
`

// fillDemo makes a small tree with something of everything.
func fillDemo(s *ftptest.Server) {
	day := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	s.WriteFile("/readme.txt", []byte(demoReadme), day)
	s.WriteFile("/empty", nil, day)
	s.WriteFile("/a name with spaces.txt", []byte("Blanks are no problem.\n"), day.AddDate(0, 1, 0))
	s.WriteFile("/Grüße aus Köln.txt", []byte("Umlauts neither.\n"), day.AddDate(0, 2, 0))
	s.WriteFile("/日本語.txt", []byte("こんにちは\n"), day.AddDate(0, 3, 0))
	s.WriteFile("/odd [names] *.txt", []byte("Nor what a shell would expand.\n"), day)
	for year := 2020; year <= 2023; year++ {
		for month := 1; month <= 12; month++ {
			text := fmt.Sprintf("Report of %d-%02d\n", year, month)
			when := time.Date(year, time.Month(month), 1, 8, 30, 0, 0, time.UTC)
			s.WriteFile(fmt.Sprintf("/reports/%d/%02d.txt", year, month), []byte(text), when)
		}
	}
	noise := rand.NewChaCha8([32]byte{'d', 'e', 'm', 'o'})
	for i, title := range []string{"01 prelude.bin", "02 fugue.bin"} {
		data := make([]byte, (2+i)<<20)
		_, _ = noise.Read(data)
		s.WriteFile("/music/"+title, data, day.AddDate(0, 0, i))
	}
	s.Mkdir("/music/still to come")
}
