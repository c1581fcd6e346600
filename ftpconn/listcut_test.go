package ftpconn_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest"
)

// A listing that is cut on its way, though the server says 226, is asked for
// again.
func TestCutListingsAreNoticed(t *testing.T) {
	for _, mlsd := range []bool{true, false} {
		for _, at := range []int64{0, 1, 100} {
			t.Run(fmt.Sprintf("MLSD=%v, after %d bytes", mlsd, at), func(t *testing.T) {
				srv := script(t)
				for i := range 10 {
					srv.WriteFile(fmt.Sprintf("/dir/f%d", i), nil, modTime)
				}
				srv.Greeting("220 (vsFTPd 3.0.3)\r\n")
				verb := "MLSD"
				if !mlsd {
					verb = "LIST"
					srv.Disable("MLSD", "MLST")
					for _, dir := range []string{"/", "/dir"} {
						srv.Listing("LIST", dir, "drwxr-xr-x 2 u g 0 Jan 01 2024 .\r\n"+longLines())
					}
				}
				proxy := ftptest.NewProxy(t, srv.Addr)
				p := connect(t, proxy.Host, proxy.Port, nil)
				want, err := p.List(t.Context(), "/", ftpconn.LaneMeta)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					proxy.Inject(ftptest.Fault{Verb: verb, At: ftptest.AtData, Bytes: at, Do: ftptest.CutData})
					got, err := p.List(t.Context(), "/", ftpconn.LaneMeta)
					if err != nil || !slices.Equal(names(got), names(want)) {
						t.Errorf("%v, %v", got, err)
					}
				}
				if proxy.Struck() != 2 {
					t.Errorf("%d faults", proxy.Struck())
				}
				proxy.Inject(ftptest.Fault{Verb: verb, Times: ftptest.Always, At: ftptest.AtData, Bytes: at, Do: ftptest.CutData})
				if got, err := p.List(t.Context(), "/", ftpconn.LaneMeta); !errors.Is(err, ftpconn.ErrShort) {
					t.Errorf("always cut: %v, %v", got, err)
				}
			})
		}
	}
}

func longLines() string {
	var b strings.Builder
	for i := range 10 {
		fmt.Fprintf(&b, "-rw-r--r-- 1 u g 5 Jan 01 2024 name%d\r\n", i)
	}
	return b.String()
}

// A directory that is empty is asked for twice where that is all there is to
// tell it from one that was cut.
func TestEmptyDirectories(t *testing.T) {
	srv := script(t)
	srv.Disable("MLSD", "MLST")
	for i := range 10 {
		srv.Mkdir(fmt.Sprintf("/dir/empty%d", i))
	}
	proxy := ftptest.NewProxy(t, srv.Addr)
	p := connect(t, proxy.Host, proxy.Port, nil)
	var lists sync.WaitGroup
	for i := range 10 {
		lists.Go(func() {
			l, err := p.List(t.Context(), fmt.Sprintf("/dir/empty%d", i), ftpconn.LaneMeta)
			if err != nil || len(l.Entries) != 0 {
				t.Errorf("%v, %v", l, err)
			}
		})
	}
	lists.Wait()
	proxy.Inject(ftptest.Fault{Verb: "LIST", At: ftptest.AtData, Do: ftptest.CutData})
	l, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta)
	if err != nil || len(l.Entries) != 11 {
		t.Errorf("%v, %v", l, err)
	}
}

// Some servers do not end the last line.
func TestListingWithoutALastLineEnd(t *testing.T) {
	srv := script(t)
	srv.Disable("MLSD", "MLST")
	srv.Listing("LIST", "/dir", strings.TrimSpace(longLines()))
	p := connect(t, srv.Host, srv.Port, nil)
	for range 2 {
		l, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta)
		if err != nil || len(l.Entries) != 10 || !l.Complete {
			t.Errorf("%v, %v", l, err)
		}
	}
}
