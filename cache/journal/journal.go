// Package journal keeps what was written and is not on the server yet, in a
// directory of this machine, so that it survives the death of the process and
// of the machine.
//
// A Session is one mount's part of the directory, locked while its process
// lives. An Item in it is the content of one file, which anybody may write to
// as long as it has no Record. Save makes a promise of it: data and record are
// on disk, and the next session for the same origin gets the item from Recover,
// until Drop or Lose. What can not be used any more is not deleted but moved to
// lost+found, where its user finds it.
//
//	DIR/<hash of the origin>/lock                     held while sessions come and go
//	DIR/<hash of the origin>/session-<random>/lock    held while the session's process lives; has its id
//	                                         /origin  the origin, as it was given
//	                                         /temps   temporary names on the server, see temps.go
//	                                         /<id>.data, /<id>.record
//	DIR/<hash of the origin>/lost+found/<time>-<name>, <time>-<name>.reason
//
// A session takes over a dead one by locking it: its items stay where they are,
// so that there is no moment in which a crash could part data and record.
//
// Sizes are bytes. Store, Session and Item are safe for concurrent use, but for
// the File of an Item, which is a plain one, and Close, which comes last.
// Lock order: Session.mu, the origin's lock, temps.mu; Item.mu stands alone.
//
// Errors of the file system come wrapped: errors.Is finds syscall.ENOSPC and
// the like.
package journal

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const (
	sessionPrefix = "session-"
	lostDir       = "lost+found"
	lockFile      = "lock"
	originFile    = "origin"
	tempsFile     = "temps"
	dataSuffix    = ".data"
	recordSuffix  = ".record"
	reasonSuffix  = ".reason"
)

// Store is a staging directory. Several processes can share it.
type Store struct{ dir string }

// Open opens a staging directory, which is made if it is missing. It refuses
// one that others can write to: they could put into it what is then uploaded in
// the user's name.
func Open(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("staging directory: %w", err)
	}
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("staging directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("staging directory: %w", err)
	}
	if info.Mode()&0o022 != 0 {
		return nil, fmt.Errorf("staging directory %s: other users can write to it; forbid that with: chmod go-w %s", dir, dir)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("staging directory %s: it belongs to another user (id %d); choose one of your own", dir, st.Uid)
	}
	return &Store{dir}, nil
}

// originDir is where the sessions of an origin are.
func (s *Store) originDir(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return filepath.Join(s.dir, hex.EncodeToString(sum[:16]))
}

// Begin makes a session for an origin, which identifies server, user and root
// directory: ftp://user@host:port/dir. It is locked until Close, or until the
// process dies.
func (s *Store) Begin(origin string) (*Session, error) {
	base := s.originDir(origin)
	if err := makeDir(base); err != nil {
		return nil, fmt.Errorf("staging directory: %w", err)
	}
	gate, err := lockOrigin(base)
	if err != nil {
		return nil, fmt.Errorf("staging directory: %w", err)
	}
	defer func() { _ = gate.Close() }()
	random := make([]byte, 8)
	_, _ = rand.Read(random) // it never fails
	n := &Session{origin: origin, base: base, prefix: hex.EncodeToString(random)}
	n.dir = filepath.Join(base, sessionPrefix+n.prefix)
	n.temps.file = filepath.Join(n.dir, tempsFile)
	if err := n.make(); err != nil {
		return nil, fmt.Errorf("staging directory: %w", err)
	}
	return n, nil
}

// makeDir makes a directory and those above it, and has each of them on disk.
func makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		}
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// syncDir has the names in a directory on disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) {
		err = nil // a file system that has no such thing
	}
	return errors.Join(err, d.Close())
}
