package cache_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"ftpfs/cache"
	"ftpfs/ftpconn"
)

// While the server can not be reached, what is known answers; what is not
// known is an error, and never absence.
func TestStaleIfError(t *testing.T) {
	r := newRemote()
	r.mkdir("/")
	r.mkdir("/other")
	data := content(1000)
	r.write("/f", data)
	var log bytes.Buffer
	var mu sync.Mutex
	now := time.Unix(2e9, 0)
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	later := func() { mu.Lock(); defer mu.Unlock(); now = now.Add(time.Hour) }
	cfg := cache.Config{StaleIfError: true, Now: clock, Prefetch: cache.PrefetchOff, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	c := newCache(t, r, cfg)
	readAll := func() error {
		e, err := c.Lookup(t.Context(), "/", "f")
		if err != nil {
			return err
		}
		f, err := c.Open(t.Context(), "/f", e)
		if err != nil {
			return err
		}
		defer f.Close()
		got, err := f.Read(t.Context(), 0, 1000)
		if err == nil && !bytes.Equal(bytes.Join(got, nil), data) {
			return errors.New("wrong bytes")
		}
		return err
	}
	if err := readAll(); err != nil {
		t.Fatal(err)
	}
	later()
	away := fmt.Errorf("%w: %w", ftpconn.ErrUnreachable, ftpconn.ErrAway)
	r.setErr(away)
	for range 3 {
		if err := readAll(); err != nil {
			t.Errorf("what is cached: %v", err)
		}
		if d, err := c.Dir(t.Context(), "/"); err != nil || d.Len() != 2 {
			t.Errorf("listing: %v", err)
		}
	}
	if n := strings.Count(log.String(), "however old"); n != 1 {
		t.Errorf("logged %d times: %s", n, log.String())
	}
	if _, err := c.Lookup(t.Context(), "/", "g"); !errors.Is(err, ftpconn.ErrUnreachable) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a name that is not known: %v", err)
	}
	if _, err := c.Dir(t.Context(), "/other"); !errors.Is(err, ftpconn.ErrUnreachable) {
		t.Errorf("a directory that is not known: %v", err)
	}
	for _, refusal := range []error{
		&ftpconn.Error{Op: "LIST", Code: 550, Msg: "No.", Kind: fs.ErrPermission},
		fmt.Errorf("%w: %w", ftpconn.ErrUnreachable, ftpconn.ErrLogin),
		ftpconn.ErrShort, ftpconn.ErrBadListing,
	} {
		r.setErr(refusal)
		if _, err := c.Dir(t.Context(), "/"); !errors.Is(err, refusal) {
			t.Errorf("a refusal: %v instead of %v", err, refusal)
		}
	}
	r.setErr(nil)

	// What is opened by an old listing is compared with the server's version
	// before anything of it is transferred.
	big := content(300_000)
	r.write("/big", big)
	later()
	old, err := c.Lookup(t.Context(), "/", "big")
	if err != nil {
		t.Fatal(err)
	}
	later()
	r.setErr(away)
	if _, err := c.Lookup(t.Context(), "/", "big"); err != nil {
		t.Error(err)
	}
	r.setErr(nil)
	r.write("/big", big[1:])
	f, err := c.Open(t.Context(), "/big", old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(t.Context(), 0, 1000); !errors.Is(err, ftpconn.ErrChanged) {
		t.Errorf("a file that changed while the server was away: %v", err)
	}
	f.Close()
	r.write("/g", data)
	if _, err := c.Lookup(t.Context(), "/", "g"); err != nil {
		t.Errorf("the server is back: %v", err)
	}

	strict := newCache(t, r, cache.Config{Now: clock})
	if _, err := strict.Dir(t.Context(), "/"); err != nil {
		t.Fatal(err)
	}
	later()
	r.setErr(away)
	if _, err := strict.Dir(t.Context(), "/"); !errors.Is(err, ftpconn.ErrUnreachable) {
		t.Errorf("without StaleIfError: %v", err)
	}
}

func (r *remote) setErr(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}
