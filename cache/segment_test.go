package cache_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"ftpfs/cache"
	"ftpfs/ftpconn"
)

// farRemote has a file that is read in order over a link so long that one
// transfer can not fill it.
func farRemote(size int) (*remote, []byte) {
	r := newRemote()
	data := bytes.Repeat(content(1<<20+1), size>>20+1)[:size]
	r.write("/f", data)
	r.room, r.trip, r.delay = 7, time.Hour, 6*time.Millisecond
	return r, data
}

// A large file comes in segments, several at once, and is the same file, also
// when transfers give way and break.
func TestLargeFilesComeInSegments(t *testing.T) {
	for name, faulty := range map[string]func() error{
		"in order":  nil,
		"preempted": func() error { return ftpconn.ErrPreempted },
		"broken":    func() error { return ftpconn.ErrShort },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, data := farRemote(48<<20 + 4711)
			var reads atomic.Int64
			r.faulty = func(string, int64) error {
				if n := reads.Add(1); faulty != nil && n%97 == 0 {
					return faulty()
				}
				return nil
			}
			f := open(t, newCache(t, r, cache.Config{}), "/f")
			got, err := readAll(f)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			if r.most < 4 {
				t.Errorf("at most %d transfers at once", r.most)
			}
			if faulty == nil && r.sent > int64(len(data))*5/4 {
				t.Errorf("%d bytes for a file of %d", r.sent, len(data))
			}
		})
	}
}

// One transfer stays one where segments would take connections from others,
// where the server is near, and where there is no room to keep them.
func TestSegmentsHaveTheirLimits(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*remote)
		cfg    cache.Config
	}{
		"no connection is free": {func(r *remote) { r.room = 0 }, cache.Config{}},
		"one connection":        {func(*remote) {}, cache.Config{Connections: 1}},
		"the server is near":    {func(r *remote) { r.trip = time.Millisecond }, cache.Config{}},
		"a small cache":         {func(*remote) {}, cache.Config{Size: 16 << 20}},
		"the link is slow":      {func(r *remote) { r.trip = 6 * time.Millisecond }, cache.Config{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, data := farRemote(24 << 20)
			test.change(r)
			f := open(t, newCache(t, r, test.cfg), "/f")
			got, err := readAll(f)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if err := errors.Join(err, f.Close()); err != nil {
				t.Error(err)
			}
			if r.most != 1 {
				t.Errorf("%d transfers at once", r.most)
			}
		})
	}
}

// A reader who goes elsewhere does not have the segments fetched to their end.
func TestSegmentsEndWithTheReader(t *testing.T) {
	r, data := farRemote(400 << 20)
	f := open(t, newCache(t, r, cache.Config{}), "/f")
	read := func(off int64) {
		pieces, err := f.Read(context.Background(), off, 128<<10)
		if err != nil || !bytes.Equal(bytes.Join(pieces, nil), data[off:off+128<<10]) {
			t.Fatalf("at %d: %v", off, err)
		}
	}
	for off := int64(0); off < 20<<20; off += 128 << 10 {
		read(off)
	}
	read(390 << 20)
	var sent, before int64 = 1, 0
	for sent != before { // until nothing moves any more
		time.Sleep(200 * time.Millisecond)
		r.mu.Lock()
		before, sent = sent, r.sent
		r.mu.Unlock()
	}
	if r.most < 4 {
		t.Errorf("at most %d transfers at once", r.most)
	}
	if sent > 170<<20 { // to their end it would be more than 200
		t.Errorf("%d bytes came for a reader who left after 20 MiB", sent)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
