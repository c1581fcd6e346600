package ftpconn_test

import (
	"bytes"
	"testing"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest"
)

// A server that is not known for it has to prove once that REST works.
func TestRestIsProven(t *testing.T) {
	srv := script(t)
	p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Connections = 1 })
	read := func(offset, length int64) {
		t.Helper()
		got, err := read(t.Context(), p, "/dir/file", ftpconn.RetrOptions{Offset: offset, Length: length, Size: 5000})
		if err != nil || !bytes.Equal(got, content(5000)[offset:offset+length]) {
			t.Errorf("%d from %d: %d bytes, %v", length, offset, len(got), err)
		}
	}
	read(0, 5000)
	srv.ResetCommands()
	read(1000, 10)
	if n := srv.Count("RETR"); n != 2 {
		t.Errorf("the first time: %q", srv.Commands())
	}
	srv.ResetCommands()
	read(2000, 10)
	if n := srv.Count("RETR"); n != 1 {
		t.Errorf("the second time: %q", srv.Commands())
	}

	// One that ignores it is found out, and a file that grows is no reason to
	// think that it does.
	srv = script(t)
	p = connect(t, srv.Host, srv.Port, nil)
	srv.WriteFile("/dir/file", append(content(5000), "and more"...), modTime)
	read(1000, 10)
	srv.WriteFile("/dir/file", content(5000), modTime)
	srv.ResetCommands()
	read(1000, 10)
	read(2000, 10)
	if n := srv.Count("REST"); n < 3 {
		t.Errorf("REST works, but is not used: %q", srv.Commands())
	}
	srv = script(t)
	srv.Plan("RETR", ftptest.Plan{IgnoreRest: true})
	p = connect(t, srv.Host, srv.Port, nil)
	for _, offset := range []int64{1, 1000, 4999} {
		read(offset, 1)
	}
	if n := srv.Count("RETR"); n != 4 {
		t.Errorf("REST is ignored: %q", srv.Commands())
	}
}
