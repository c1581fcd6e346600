package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"sync"
)

// temps are the temporary names on the server that are in use. On disk they are
// lines: a plus and a quoted name for one that comes, a minus for one that
// goes. They are not synced: what a crash of the machine loses is a file on the
// server that nobody asks for.
type temps struct {
	file string

	mu    sync.Mutex // guards all that follows
	f     *os.File   // nil: nothing was written yet
	size  int64
	lines int
	live  map[string]bool
	found []string // those of dead sessions
}

// maxIdleLines is how many lines may stand in the file for names that are gone.
const maxIdleLines = 1000

func (t *temps) add(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live[name] {
		return nil
	}
	if err := t.writeLocked('+', name); err != nil {
		return err
	}
	if t.live == nil {
		t.live = map[string]bool{}
	}
	t.live[name] = true
	return nil
}

func (t *temps) drop(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.live[name] {
		return
	}
	delete(t.live, name)
	t.found = slices.DeleteFunc(t.found, func(s string) bool { return s == name })
	// If the disk does not take it, the next session deletes what is not there.
	switch {
	case len(t.live) == 0:
		if t.f.Truncate(0) == nil {
			t.size, t.lines = 0, 0
		}
	case t.lines > 2*len(t.live)+maxIdleLines:
		_ = t.rewriteLocked()
	default:
		_ = t.writeLocked('-', name)
	}
}

func (t *temps) writeLocked(sign byte, name string) error {
	if t.f == nil {
		f, err := os.OpenFile(t.file, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		t.f = f
	}
	line := append(strconv.AppendQuote([]byte{sign}, name), '\n')
	if _, err := t.f.WriteAt(line, t.size); err != nil {
		_ = t.f.Truncate(t.size) // else the half line is overwritten by the next
		return err
	}
	t.size += int64(len(line))
	t.lines++
	return nil
}

// rewriteLocked forgets the lines of names that are gone.
func (t *temps) rewriteLocked() error {
	var b []byte
	for name := range t.live {
		b = append(strconv.AppendQuote(append(b, '+'), name), '\n')
	}
	if err := writeFile(t.file, b); err != nil {
		return err
	}
	f, err := os.OpenFile(t.file, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	_ = t.f.Close()
	t.f, t.size, t.lines = f, int64(len(b)), len(t.live)
	return nil
}

// inherit takes over the names in the file of a dead session. When it returns
// nil they are in this one's, on disk.
func (t *temps) inherit(file string) error {
	names, err := readTemps(file)
	if err != nil || len(names) == 0 {
		return err
	}
	for _, name := range names {
		if err := t.add(name); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range names {
		if !slices.Contains(t.found, name) {
			t.found = append(t.found, name)
		}
	}
	return t.f.Sync()
}

func (t *temps) all() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.found)
}

// close says whether names are left.
func (t *temps) close() (left bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.f != nil {
		err = t.f.Close()
	}
	return len(t.live) > 0, err
}

// readTemps reads the names that are in use, in the order in which they came. A
// half line is that of a process that was killed before it used the name.
func readTemps(file string) ([]string, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("temporary names: %w", err)
	}
	var names []string
	for line := range bytes.Lines(data) {
		if len(line) < 2 {
			continue
		}
		name, err := strconv.Unquote(string(bytes.TrimSuffix(line[1:], []byte("\n"))))
		if err != nil {
			continue
		}
		names = slices.DeleteFunc(names, func(s string) bool { return s == name })
		if line[0] == '+' {
			names = append(names, name)
		}
	}
	return names, nil
}
