package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Session is what one mount has in a staging directory.
type Session struct {
	origin, base, dir string
	prefix            string // of the ids
	lock              *os.File
	last              atomic.Uint64 // number of the last item
	temps             temps

	mu    sync.Mutex // guards all that follows
	taken []*taken
}

// taken is a dead session that this one has taken over.
type taken struct {
	dir   string
	lock  *os.File
	items map[string]bool // ids of what Recover has returned
	fresh bool            // nothing of it is in use yet
}

// make makes the session's directory. The caller holds the origin's lock.
func (s *Session) make() (err error) {
	if err = os.Mkdir(s.dir, 0o700); err != nil {
		return err
	}
	if s.lock, err = lockSession(s.dir); err == nil {
		if err = writeFile(filepath.Join(s.dir, originFile), []byte(s.origin)); err == nil {
			err = errors.Join(syncDir(s.dir), syncDir(s.base))
		}
		if err != nil {
			_ = s.lock.Close()
		}
	}
	if err != nil {
		_ = os.RemoveAll(s.dir) // nothing of value is in it yet
	}
	return err
}

// Create makes an item: an empty file, which costs one system call and is not
// there any more after a crash, unless it is saved.
func (s *Session) Create() (*Item, error) {
	id := fmt.Sprintf("%s-%08x", s.prefix, s.last.Add(1))
	f, err := os.OpenFile(filepath.Join(s.dir, id+dataSuffix), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("staging directory: %w", err)
	}
	return &Item{dir: s.dir, id: id, origin: s.origin, file: f}, nil
}

// Recover takes over the dead sessions of the same origin and returns their
// items, oldest first. Data without a record is removed; what has a damaged
// record, or not all its data, goes to lost+found. A data file that is longer
// than its record says was written to after Save: its record gets the size that
// it has.
//
// With an error come all items that are not concerned by it. What is missing
// stays on disk; the next Recover returns it.
func (s *Session) Recover() ([]*Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate, err := lockOrigin(s.base)
	if err != nil {
		return nil, fmt.Errorf("staging directory: %w", err)
	}
	defer func() { _ = gate.Close() }()
	errs := []error{s.takeLocked()}
	var items []*Item
	s.taken = slices.DeleteFunc(s.taken, func(t *taken) bool {
		more, err := s.readLocked(t)
		items = append(items, more...)
		if err == nil {
			var done bool
			if done, err = removeDone(t.dir); done {
				_ = t.lock.Close()
			}
			if err == nil {
				return done
			}
		}
		errs = append(errs, err)
		return false
	})
	slices.SortStableFunc(items, func(a, b *Item) int {
		if c := a.record.Saved.Compare(b.record.Saved); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	if err := errors.Join(errs...); err != nil {
		return items, fmt.Errorf("staging directory: %w", err)
	}
	return items, nil
}

// takeLocked locks the sessions that nobody has.
func (s *Session) takeLocked() error {
	entries, err := os.ReadDir(s.base)
	errs := []error{err}
	for _, e := range entries {
		dir := filepath.Join(s.base, e.Name())
		if !strings.HasPrefix(e.Name(), sessionPrefix) || dir == s.dir ||
			slices.ContainsFunc(s.taken, func(t *taken) bool { return t.dir == dir }) {
			continue
		}
		switch l, err := lockSession(dir); {
		case err == nil:
			s.taken = append(s.taken, &taken{dir: dir, lock: l, items: map[string]bool{}, fresh: true})
		case !errors.Is(err, errLocked):
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// readLocked returns the items of a session that were not returned before.
func (s *Session) readLocked(t *taken) ([]*Item, error) {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return nil, err
	}
	var errs []error
	var items []*Item
	for _, e := range entries {
		name := e.Name()
		switch id, isRecord := strings.CutSuffix(name, recordSuffix); {
		case strings.HasPrefix(name, "."): // half a record, or one that is being written
			if t.fresh {
				errs = append(errs, remove(filepath.Join(t.dir, name)))
			}
		case isRecord && !t.items[id]:
			i, err := s.recoverItem(t.dir, id)
			errs = append(errs, err)
			if i != nil {
				items = append(items, i)
				t.items[id] = true
			}
		case t.fresh && strings.HasSuffix(name, dataSuffix):
			if id := strings.TrimSuffix(name, dataSuffix); !exists(filepath.Join(t.dir, id+recordSuffix)) {
				errs = append(errs, remove(filepath.Join(t.dir, name)))
			}
		}
	}
	t.fresh = false
	file := filepath.Join(t.dir, tempsFile)
	if err := s.temps.inherit(file); err != nil {
		errs = append(errs, err)
	} else {
		errs = append(errs, remove(file))
	}
	return items, errors.Join(errs...)
}

// recoverItem returns an item, or none if it is lost.
func (s *Session) recoverItem(dir, id string) (*Item, error) {
	r, mark, err := readRecord(dir, id)
	switch {
	case errors.Is(err, errDamaged):
		if info, err := os.Stat(filepath.Join(dir, id+dataSuffix)); err == nil {
			r.Size = info.Size()
		}
		return nil, lose(dir, id, s.origin, r, err.Error())
	case err != nil:
		return nil, err
	case mark != nil:
		err := finishLosing(dir, id, s.origin, r, mark)
		if errors.Is(err, fs.ErrExist) { // the name has been taken meanwhile
			err = lose(dir, id, s.origin, r, string(mark.Reason))
		}
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, id+dataSuffix), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, lose(dir, id, s.origin, r, "its data is missing")
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	if info.Size() < r.Size {
		_ = f.Close()
		return nil, lose(dir, id, s.origin, r, fmt.Sprintf("its data is cut: %d of %d bytes are there", info.Size(), r.Size))
	}
	r.Size = info.Size()
	return &Item{dir: dir, id: id, origin: s.origin, file: f, record: &r}, nil
}

// AddTemp notes a temporary name on the server, before it is used.
func (s *Session) AddTemp(name string) error {
	if err := s.temps.add(name); err != nil {
		return fmt.Errorf("staging directory: %w", err)
	}
	return nil
}

// DropTemp forgets a name that is not on the server any more.
func (s *Session) DropTemp(name string) { s.temps.drop(name) }

// Temps returns the names that Recover has found in dead sessions: they are to
// be deleted on the server, and then dropped.
func (s *Session) Temps() []string { return s.temps.all() }

// Close ends the session. What is saved stays, and so do temporary names that
// were not dropped, for the next session; all else is removed. Items must not
// be used any more.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate, err := lockOrigin(s.base)
	if err != nil {
		return fmt.Errorf("staging directory: %w", err)
	}
	defer func() { _ = gate.Close() }()
	left, err := s.temps.close()
	errs := []error{err}
	if !left {
		_, err := removeDone(s.dir)
		errs = append(errs, err)
	}
	for _, t := range s.taken {
		if !exists(filepath.Join(t.dir, tempsFile)) {
			_, err := removeDone(t.dir)
			errs = append(errs, err)
		}
		errs = append(errs, t.lock.Close())
	}
	s.taken = nil
	if err := errors.Join(append(errs, s.lock.Close())...); err != nil {
		return fmt.Errorf("staging directory: %w", err)
	}
	return nil
}

// removeDone removes a session in which nothing is saved. The caller holds its
// lock and the origin's.
func removeDone(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == lockFile, name == originFile, name == tempsFile, strings.HasPrefix(name, "."), strings.HasSuffix(name, dataSuffix):
		default:
			return false, nil // a record, or what is not ours
		}
	}
	for _, e := range entries {
		if err := remove(filepath.Join(dir, e.Name())); err != nil {
			return false, err
		}
	}
	return true, os.Remove(dir)
}
