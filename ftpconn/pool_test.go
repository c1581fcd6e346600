package ftpconn_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/ftptest"
	"ftpfs/ftpconn/listing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var modTime = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

// content makes bytes that differ at every offset.
func content(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1, byte(n)})
	_, _ = r.Read(b)
	return b
}

// connect returns a connected pool that is closed at the end of the test, and
// the conversation that it writes.
func connect(t *testing.T, host string, port int, change func(*ftpconn.Config)) *ftpconn.Pool {
	t.Helper()
	p := newPool(t, host, port, change)
	if err := p.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

func newPool(t *testing.T, host string, port int, change func(*ftpconn.Config)) *ftpconn.Pool {
	t.Helper()
	trace := new(syncBuffer)
	cfg := ftpconn.Config{Host: host, Port: port, Timeout: 5 * time.Second, Trace: ftpconn.NewTrace(trace)}
	if change != nil {
		change(&cfg)
	}
	p, err := ftpconn.NewPool(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(trace.String())
		}
	})
	return p
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func names(l *ftpconn.Listing) []string {
	var all []string
	for _, e := range l.Entries {
		all = append(all, e.Name)
	}
	slices.Sort(all)
	return all
}

// read reads a stream to its end, opening it again whenever it had to give
// way, as the cache does.
func read(ctx context.Context, p *ftpconn.Pool, name string, o ftpconn.RetrOptions) ([]byte, error) {
	var all []byte
	for {
		s, err := p.Retr(ctx, name, o)
		if err != nil {
			return all, err
		}
		b, err := io.ReadAll(s)
		_ = s.Close()
		all = append(all, b...)
		o.Offset += int64(len(b))
		if o.Length > 0 {
			o.Length -= int64(len(b))
		}
		if !errors.Is(err, ftpconn.ErrPreempted) {
			return all, err
		}
	}
}

func TestPoolReadsATree(t *testing.T) {
	for _, mlsd := range []bool{true, false} {
		t.Run(fmt.Sprintf("MLSD=%v", mlsd), func(t *testing.T) {
			var opts []ftptest.Option
			if !mlsd {
				opts = append(opts, ftptest.WithoutMLSD())
			}
			srv := ftptest.NewServer(t, opts...)
			data := content(300_000)
			srv.WriteFile("/dir/file", data, modTime)
			srv.WriteFile("/dir/a b", []byte("x"), modTime)
			srv.WriteFile("/dir/Grüße", nil, modTime)
			srv.Mkdir("/dir/sub")
			p := connect(t, srv.Host, srv.Port, nil)
			ctx := t.Context()

			l, err := p.List(ctx, "/dir", ftpconn.LaneMeta)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"Grüße", "a b", "file", "sub"}
			if got := names(l); !slices.Equal(got, want) || !l.Complete {
				t.Fatalf("got %q (complete: %v), want %q", got, l.Complete, want)
			}
			for _, e := range l.Entries {
				if e.Name == "file" && (e.Type != listing.File || e.Size != int64(len(data))) {
					t.Errorf("file is %+v", e)
				}
				if e.Name == "sub" && e.Type != listing.Dir {
					t.Errorf("sub is %+v", e)
				}
			}
			for _, o := range []ftpconn.RetrOptions{
				{Offset: 0, Length: -1, Size: -1},
				{Offset: 0, Length: -1, Size: int64(len(data))},
				{Offset: 1000, Length: 70_000, Size: int64(len(data))},
				{Offset: 299_999, Length: -1, Size: -1},
			} {
				got, err := read(ctx, p, "/dir/file", o)
				end := int64(len(data))
				if o.Length >= 0 {
					end = o.Offset + o.Length
				}
				if err != nil || !bytes.Equal(got, data[o.Offset:end]) {
					t.Errorf("%+v: %d bytes, %v; want %d bytes", o, len(got), err, end-o.Offset)
				}
			}
			if got, err := read(ctx, p, "/dir/Grüße", ftpconn.RetrOptions{Length: -1, Size: 0}); err != nil || len(got) != 0 {
				t.Errorf("empty file: %d bytes, %v", len(got), err)
			}
			e, err := p.Stat(ctx, "/dir/file", ftpconn.LaneMeta)
			if err != nil || e.Size != int64(len(data)) || e.Type != listing.File || !e.ModTime.Equal(modTime) {
				t.Errorf("Stat: %+v, %v", e, err)
			}
			e, err = p.Stat(ctx, "/dir", ftpconn.LaneMeta)
			if err != nil || e.Type != listing.Dir {
				t.Errorf("Stat of a directory: %+v, %v", e, err)
			}
		})
	}
}

func TestRefusalsGetTheirMeaning(t *testing.T) {
	for _, mlsd := range []bool{true, false} {
		t.Run(fmt.Sprintf("MLSD=%v", mlsd), func(t *testing.T) {
			srv := ftptest.NewScript(t)
			if !mlsd {
				srv.Disable("MLSD", "MLST")
			}
			srv.WriteFile("/file", []byte("x"), modTime)
			srv.WriteFile("/dir/secret", []byte("x"), modTime)
			srv.Mkdir("/closed")
			p := connect(t, srv.Host, srv.Port, nil)
			ctx := t.Context()
			retr := func(name string) error {
				_, err := read(ctx, p, name, ftpconn.RetrOptions{Length: -1, Size: -1})
				return err
			}
			list := func(name string) error { _, err := p.List(ctx, name, ftpconn.LaneMeta); return err }
			stat := func(name string) error { _, err := p.Stat(ctx, name, ftpconn.LaneMeta); return err }
			for _, test := range []struct {
				name string
				err  error
				want error
			}{
				{"RETR of nothing", retr("/nothing"), fs.ErrNotExist},
				{"RETR in nothing", retr("/nothing/at/all"), fs.ErrNotExist},
				{"RETR of a directory", retr("/dir"), ftpconn.ErrIsDir},
				{"listing of nothing", list("/nothing"), fs.ErrNotExist},
				{"listing of a file", list("/file"), ftpconn.ErrNotDir},
				{"stat of nothing", stat("/nothing"), fs.ErrNotExist},
				{"stat in nothing", stat("/nothing/at/all"), fs.ErrNotExist},
				{"a name with CR LF", stat("/a\r\nDELE file"), ftpconn.ErrName},
			} {
				if !errors.Is(test.err, test.want) {
					t.Errorf("%s: %v, want %v", test.name, test.err, test.want)
				}
			}
			srv.Reply("RETR", "550 Permission denied.\r\n")
			if err := retr("/dir/secret"); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("refused RETR of a file that exists: %v", err)
			}
			if srv.Count("DELE") > 0 {
				t.Error("a command was smuggled in")
			}
		})
	}
}

// A second look that fails as well must not turn a refusal into absence.
func TestRefusalWithoutASecondLookIsNotAbsence(t *testing.T) {
	srv := ftptest.NewScript(t)
	srv.Disable("MLSD", "MLST", "SIZE", "MDTM")
	srv.WriteFile("/dir/file", []byte("x"), modTime)
	p := connect(t, srv.Host, srv.Port, nil)
	srv.Reply("RETR", "550 No.\r\n")
	srv.Reply("LIST", "550 No.\r\n")
	_, err := read(t.Context(), p, "/dir/file", ftpconn.RetrOptions{Length: -1, Size: -1})
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	_, err = p.List(t.Context(), "/dir", ftpconn.LaneMeta)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestEightReadersAndListingsWithAnyNumberOfConnections(t *testing.T) {
	for _, limit := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			srv := ftptest.NewServer(t)
			srv.SetMaxConnections(limit)
			var data [8][]byte
			for i := range data {
				data[i] = content(200_000 + i)
				srv.WriteFile(fmt.Sprintf("/f%d", i), data[i], modTime)
			}
			p := connect(t, srv.Host, srv.Port, nil)
			var wg sync.WaitGroup
			for i := range data {
				wg.Go(func() {
					got, err := read(t.Context(), p, fmt.Sprintf("/f%d", i), ftpconn.RetrOptions{Length: -1, Size: int64(len(data[i])), Lane: ftpconn.LaneRead})
					if err != nil || !bytes.Equal(got, data[i]) {
						t.Errorf("file %d: %d bytes, %v", i, len(got), err)
					}
				})
				wg.Go(func() {
					if l, err := p.List(t.Context(), "/", ftpconn.LaneMeta); err != nil || len(l.Entries) != 8 {
						t.Errorf("listing: %v", err)
					}
				})
			}
			wg.Wait()
		})
	}
}

// With one connection, a listing takes it from a transfer that nobody reads
// from at the moment, and the transfer can go on afterwards.
func TestListingIsServedBeforeATransfer(t *testing.T) {
	srv := ftptest.NewServer(t)
	data := content(8 << 20)
	srv.WriteFile("/big", data, modTime)
	p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Connections = 1 })
	o := ftpconn.RetrOptions{Length: -1, Size: int64(len(data)), Lane: ftpconn.LaneReadAhead}
	s, err := p.Retr(t.Context(), "/big", o)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100_000)
	if _, err := io.ReadFull(s, got); err != nil {
		t.Fatal(err)
	}
	if _, err := p.List(t.Context(), "/", ftpconn.LaneMeta); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(s)
	if !errors.Is(err, ftpconn.ErrPreempted) {
		t.Fatalf("the stream went on: %v", err)
	}
	got = append(got, rest...)
	o.Offset = int64(len(got))
	rest, err = read(t.Context(), p, "/big", o)
	if err != nil || !bytes.Equal(append(got, rest...), data) {
		t.Fatalf("%v: %d bytes of %d", err, len(got)+len(rest), len(data))
	}
	if n := srv.Accepted(); n != 1 {
		t.Errorf("%d control connections were opened", n)
	}
}

func TestServerRestartIsNotSeen(t *testing.T) {
	srv := ftptest.NewServer(t)
	data := content(100_000)
	srv.WriteFile("/file", data, modTime)
	p := connect(t, srv.Host, srv.Port, nil)
	for range 3 {
		srv.CloseConnections()
		if l, err := p.List(t.Context(), "/", ftpconn.LaneMeta); err != nil || len(l.Entries) != 1 {
			t.Fatal(err)
		}
		srv.CloseConnections()
		got, err := read(t.Context(), p, "/file", ftpconn.RetrOptions{Length: -1, Size: int64(len(data))})
		if err != nil || !bytes.Equal(got, data) {
			t.Fatal(err)
		}
	}
}

func TestLoginErrors(t *testing.T) {
	srv := ftptest.NewServer(t, ftptest.WithLogin("joe", "secret"))
	p := newPool(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.User, c.Password = "joe", "wrong" })
	err := p.Connect(t.Context())
	if !errors.Is(err, ftpconn.ErrLogin) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("wrong password: %v", err)
	}
	p = newPool(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.User, c.Password, c.Root = "joe", "secret", "nowhere" })
	if err := p.Connect(t.Context()); !isRefusal(err) {
		t.Errorf("wrong directory: %v", err)
	}
	srv.Close()
	p = newPool(t, srv.Host, srv.Port, nil)
	if err := p.Connect(t.Context()); !errors.Is(err, ftpconn.ErrUnreachable) {
		t.Errorf("no server: %v", err)
	}
}

func isRefusal(err error) bool {
	var e *ftpconn.Error
	return errors.As(err, &e)
}

func TestWaiterLeaves(t *testing.T) {
	srv := ftptest.NewScript(t)
	p := connect(t, srv.Host, srv.Port, nil)
	srv.Reply("MLSD", "")
	srv.Reply("LIST", "")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := p.List(ctx, "/", ftpconn.LaneMeta); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	srv.Handle("MLSD", nil)
	srv.Handle("LIST", nil)
	if _, err := p.List(t.Context(), "/", ftpconn.LaneMeta); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// The turns of the conversation are counted: one is what the client may send
// without hearing from the server, and so costs a round trip.
func TestRoundTrips(t *testing.T) {
	srv := ftptest.NewScript(t)
	srv.Greeting("220 (vsFTPd 3.0.3)\r\n")
	srv.Disable("MLSD", "MLST")
	data := content(1000)
	srv.WriteFile("/dir/file", data, modTime)
	p := connect(t, srv.Host, srv.Port, func(c *ftpconn.Config) { c.Connections = 1 })
	if _, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta); err != nil { // learns the time zone
		t.Fatal(err)
	}
	eventually(t, "a hot connection", func() bool { return srv.Count("EPSV") > 1 })
	for _, test := range []struct {
		name string
		do   func() error
		want int
	}{
		// One for LIST, one for the exact times that LIST does not tell.
		{"a listing over a hot connection", func() error { _, err := p.List(t.Context(), "/dir", ftpconn.LaneMeta); return err }, 2},
		{"a file over a hot connection", func() error {
			_, err := read(t.Context(), p, "/dir/file", ftpconn.RetrOptions{Length: -1, Size: 1000, Lane: ftpconn.LaneRead})
			return err
		}, 1},
	} {
		srv.ResetCommands()
		if err := test.do(); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		t.Logf("%s: %q, %d turns", test.name, srv.Commands(), srv.Turns())
		eventually(t, "the next hot connection", func() bool { return srv.Count("EPSV") > 0 })
		if got := srv.Turns() - 1; got > test.want { // less the EPSV that comes afterwards
			t.Errorf("%s took %d turns, want %d: %q", test.name, got, test.want, srv.Commands())
		}
	}
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 2000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s did not come", what)
}
