package cache_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"ftpfs/cache"
	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// remote is a server in memory that counts what it is asked.
type remote struct {
	mu       sync.Mutex
	dirs     map[string]*ftpconn.Listing
	files    map[string][]byte
	mtime    time.Time
	lists    map[string]int // by directory
	stats    int
	retrs    int
	open     int           // transfers
	most     int           // of them at once
	delay    time.Duration // of each Read of a stream
	sent     int64         // bytes
	err      error         // of every List
	room     int
	trip     time.Duration
	chunk    int              // most that one Read of a stream returns; 0: all
	gate     chan struct{}    // if set, List waits for it
	late     *ftpconn.Listing // if set, what it answers then
	lateRead bool             // and reads the directory only then
	faulty   func(name string, off int64) error

	ops       []string                             // that changed something
	refuse    func(verb, name string) error        // if set, may fail them
	refuseTo  func(from, to string) error          // if set, may fail renames
	doubtTo   func(from, to string) error          // if set, may fail renames that were done
	statErr   func(name string) error              // if set, may fail Stat and Exists
	cutUpload func(name string, written int) error // if set, may break an upload
	arrived   func(written int) int                // how much is there then; nil: all
	cutCommit func(name string, size int) (arrived int, err error)
	untimed   bool // uploads get r.mtime
	unmoded   bool // and no modes
}

func newRemote() *remote {
	return &remote{dirs: map[string]*ftpconn.Listing{}, files: map[string][]byte{}, lists: map[string]int{}, mtime: time.Unix(1e9, 0)}
}

func (r *remote) write(name string, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[name] = data
	e := ftpconn.Entry{Name: path.Base(name), Type: listing.File, Size: int64(len(data)), ModTime: r.mtime, ModPrec: listing.Second}
	r.addLocked(path.Dir(name), e)
}

func (r *remote) mkdir(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if name != "/" {
		r.addLocked(path.Dir(name), ftpconn.Entry{Name: path.Base(name), Type: listing.Dir})
	}
	if r.dirs[name] == nil {
		r.dirs[name] = &ftpconn.Listing{Complete: true}
	}
}

func (r *remote) addLocked(dir string, e ftpconn.Entry) {
	l := &ftpconn.Listing{Complete: true}
	if old := r.dirs[dir]; old != nil {
		for _, o := range old.Entries {
			if o.Name != e.Name {
				l.Entries = append(l.Entries, o)
			}
		}
		l.Complete = old.Complete
	}
	l.Entries = append(l.Entries, e)
	r.dirs[dir] = l
}

func (r *remote) List(ctx context.Context, dir string, _ ftpconn.Lane) (*ftpconn.Listing, error) {
	r.mu.Lock()
	r.lists[dir]++
	l, err, gate := r.dirs[dir], r.err, r.gate
	r.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		r.mu.Lock()
		if r.lateRead {
			l = r.dirs[dir]
		}
		if r.late != nil {
			l = r.late
		}
		r.mu.Unlock()
	}
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nil, fmt.Errorf("list %s: %w", dir, fs.ErrNotExist)
	}
	return l, nil
}

// ListMany can not tell anything of a directory whose number is odd.
func (r *remote) ListMany(_ context.Context, dirs []string, _ ftpconn.Lane) []*ftpconn.Listing {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*ftpconn.Listing, len(dirs))
	for i, dir := range dirs {
		if r.err == nil && r.gate == nil && !strings.ContainsAny(dir[len(dir)-1:], "13579") && r.dirs[dir] != nil {
			all[i] = r.dirs[dir]
			r.lists[dir]++
		}
	}
	return all
}

func (r *remote) Stat(_ context.Context, name string, _ ftpconn.Lane) (ftpconn.Entry, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats++
	if r.statErr != nil {
		if err := r.statErr(name); err != nil {
			return ftpconn.Entry{}, err
		}
	}
	if name == "/" {
		return ftpconn.Entry{Name: "/", Type: listing.Dir}, nil
	}
	if e, ok := r.entryLocked(name); ok {
		return e, nil
	}
	if data, ok := r.files[name]; ok { // one that its listing does not show
		return ftpconn.Entry{Name: path.Base(name), Type: listing.File, Size: int64(len(data))}, nil
	}
	return ftpconn.Entry{}, fs.ErrNotExist
}

func (r *remote) Retr(_ context.Context, name string, o ftpconn.RetrOptions) (ftpconn.Stream, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retrs++
	r.open++
	r.most = max(r.most, r.open)
	data, ok := r.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	end := int64(len(data))
	if o.Length >= 0 {
		end = min(end, o.Offset+o.Length)
	}
	return &stream{r: r, name: name, data: data[min(o.Offset, end):end], off: o.Offset}, nil
}

type stream struct {
	r    *remote
	name string
	data []byte
	off  int64

	closed bool
}

func (s *stream) Read(p []byte) (int, error) {
	s.r.mu.Lock()
	faulty := s.r.faulty
	s.r.mu.Unlock()
	if faulty != nil {
		if err := faulty(s.name, s.off); err != nil {
			return 0, err
		}
	}
	time.Sleep(s.r.delay)
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	if c := s.r.chunk; c > 0 && len(p) > c {
		p = p[:c]
	}
	n := copy(p, s.data)
	s.data, s.off = s.data[n:], s.off+int64(n)
	s.r.mu.Lock()
	s.r.sent += int64(n)
	s.r.mu.Unlock()
	return n, nil
}

func (r *remote) Room() int                { return r.room }
func (r *remote) RoundTrip() time.Duration { return r.trip }

func (s *stream) Close() error {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.r.open--
	}
	return nil
}

func (s *stream) SetLane(ftpconn.Lane) {}

func (r *remote) count(dir string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lists[dir]
}

func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(b)
	return b
}

func newCache(t testing.TB, r *remote, cfg cache.Config) *cache.Cache {
	c := cache.New(r, cfg)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// eventually waits for what other goroutines bring about.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 500 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("it did not come about that %s", what)
}
