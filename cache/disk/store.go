// Package disk keeps pieces of content in a directory, across mounts and
// restarts, within a bound.
//
// A piece is a file of its own, named by the hash of what identifies it, and
// begins with a checksum. It comes into being by renaming, so that a process
// that is killed leaves no half of one, and several processes can share a
// directory. What can not be read, or does not fit its checksum, is a miss;
// what can not be written is not kept. Neither is ever an error: the logger
// hears of it, once a minute at most.
//
// A Store is safe for concurrent use. Get reads from the disk; Has and Put do
// not wait for it.
package disk

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Key names a piece: the hash of all that identifies it.
type Key [16]byte

// KeyOf hashes what identifies a piece, part by part.
func KeyOf(parts ...string) Key {
	h := sha256.New()
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		_, _ = h.Write(n[:]) // a hash takes everything
		_, _ = h.Write([]byte(p))
	}
	var k Key
	copy(k[:], h.Sum(nil))
	return k
}

func (k Key) file(dir string) string {
	name := hex.EncodeToString(k[:])
	return filepath.Join(dir, name[:2], name[2:])
}

const (
	// headerSize is that of magic and checksum.
	headerSize = 8
	magic      = "ftp1"

	// queueSize is how many pieces may wait to be written. When a disk is so
	// slow that there are more, they are not kept: readers do not wait for it.
	queueSize = 512

	// touchAfter is how old the time of a piece's last use may get on disk,
	// where the next process, or another one, finds it.
	touchAfter = time.Hour

	warnInterval = time.Minute
	temporary    = ".tmp"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Store is a directory of pieces.
type Store struct {
	dir    string
	limit  int64 // bytes
	logger *slog.Logger

	queue  chan piece
	writer sync.WaitGroup

	mu     sync.Mutex                  // guards all that follows
	index  *simplelru.LRU[Key, *usage] // what is there, as far as this process knows
	used   int64
	warned time.Time
	closed bool
}

type piece struct {
	key  Key
	data []byte
}

type usage struct {
	size    int64
	touched time.Time
}

// Open opens a directory, which is made if it is missing, and finds what is
// there. Its pieces take up to limit bytes.
func Open(dir string, limit int64, logger *slog.Logger) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, limit: limit, logger: logger, queue: make(chan piece, queueSize)}
	s.index, _ = simplelru.NewLRU[Key, *usage](1<<30, nil) // bounded by limit
	for i := range 256 {
		if err := os.MkdirAll(filepath.Join(dir, hex.EncodeToString([]byte{byte(i)})), 0o700); err != nil {
			return nil, err
		}
	}
	if err := s.scan(); err != nil {
		return nil, err
	}
	for range 2 {
		s.writer.Go(s.write)
	}
	return s, nil
}

// scan finds the pieces on disk, and removes what a process left that was
// killed.
func (s *Store) scan() error {
	type found struct {
		key Key
		usage
	}
	var all []found
	err := filepath.WalkDir(s.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil // another process has removed it
		}
		text := filepath.Base(filepath.Dir(name)) + d.Name()
		if strings.HasSuffix(text, temporary) {
			if time.Since(info.ModTime()) > touchAfter {
				_ = os.Remove(name)
			}
			return nil
		}
		f := found{usage: usage{info.Size(), info.ModTime()}}
		if n, err := hex.Decode(f.key[:], []byte(text)); err == nil && n == len(f.key) && len(text) == 2*n {
			all = append(all, f)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b found) int { return a.touched.Compare(b.touched) })
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range all {
		s.noteLocked(f.key, f.usage)
	}
	return nil
}

// noteLocked adds a piece to the index and removes others, the least used
// first, until they fit.
func (s *Store) noteLocked(k Key, u usage) {
	if old, ok := s.index.Peek(k); ok {
		s.used -= old.size
	}
	s.index.Add(k, &u)
	s.used += u.size
	for s.used > s.limit && s.index.Len() > 1 {
		old, gone, _ := s.index.RemoveOldest()
		s.used -= gone.size
		if err := os.Remove(old.file(s.dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.warnLocked("a piece of the disk cache can not be removed", err)
		}
	}
}

// Has says whether a piece is likely to be there.
func (s *Store) Has(k Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.index.Contains(k)
}

// Get returns a piece, or nil.
func (s *Store) Get(k Key) []byte {
	s.mu.Lock()
	u, ok := s.index.Get(k)
	touch := ok && time.Since(u.touched) > touchAfter
	if touch {
		u.touched = time.Now()
	}
	s.mu.Unlock()
	if !ok {
		return nil
	}
	name := k.file(s.dir)
	data, err := os.ReadFile(name)
	switch {
	case err == nil && len(data) >= headerSize && string(data[:4]) == magic &&
		binary.BigEndian.Uint32(data[4:]) == crc32.Checksum(data[headerSize:], castagnoli):
		if touch {
			now := time.Now()
			_ = os.Chtimes(name, now, now) // it only sorts
		}
		return data[headerSize:]
	case err == nil:
		err = errors.New("its checksum does not fit")
		_ = os.Remove(name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, ok := s.index.Peek(k); ok {
		s.index.Remove(k)
		s.used -= u.size
	}
	if !errors.Is(err, fs.ErrNotExist) { // another process may have removed it
		s.warnLocked("a piece of the disk cache can not be used", err)
	}
	return nil
}

// Put keeps a piece, unless the disk can not follow. The data must not change
// any more.
func (s *Store) Put(k Key, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.index.Contains(k) || int64(len(data))+headerSize > s.limit {
		return
	}
	select {
	case s.queue <- piece{k, data}:
	default:
	}
}

// write is the goroutine that writes.
func (s *Store) write() {
	for p := range s.queue {
		u, err := s.store(p)
		s.mu.Lock()
		if err != nil {
			s.warnLocked("the disk cache can not be written", err)
		} else {
			s.noteLocked(p.key, u)
		}
		s.mu.Unlock()
	}
}

// store writes a file. It is not synced: after a crash of the machine the
// checksum tells what was lost.
func (s *Store) store(p piece) (usage, error) {
	name := p.key.file(s.dir)
	header := append([]byte(magic), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(header[4:], crc32.Checksum(p.data, castagnoli))
	f, err := os.CreateTemp(filepath.Dir(name), "*"+temporary)
	if err != nil {
		return usage{}, err
	}
	_, err = f.Write(header)
	if err == nil {
		_, err = f.Write(p.data)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return usage{int64(len(p.data)) + headerSize, time.Now()}, err
}

func (s *Store) warnLocked(what string, err error) {
	if now := time.Now(); now.Sub(s.warned) > warnInterval {
		s.warned = now
		s.logger.Warn(what, "dir", s.dir, "error", err)
	}
}

// Close writes what waits to be written.
func (s *Store) Close() {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	if !closed {
		close(s.queue)
	}
	s.mu.Unlock()
	s.writer.Wait()
}
