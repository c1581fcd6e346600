package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Item is the content of one file.
type Item struct {
	dir, id, origin string
	file            *os.File

	mu     sync.Mutex // guards all that follows, and the record on disk
	record *Record    // nil: there is none
	gone   bool       // dropped or lost
}

// errGone is what Save and Note say of an item that was dropped or lost.
var errGone = errors.New("the item was dropped")

// ID names the item: no other one of the same origin has the name.
func (i *Item) ID() string { return i.id }

// File is the data, open for reading and writing. Drop and Lose close it.
func (i *Item) File() *os.File { return i.file }

// Record returns the record, if there is one.
func (i *Item) Record() (Record, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.record == nil {
		return Record{}, false
	}
	return i.record.clone(), true
}

// Save has the data on disk, and then the record. When it returns nil the item
// survives. r.Size must be the size of the data: a data file that is found
// shorter later was cut, and one that is longer was written to since.
//
// When it returns an error the record is the one before, or r; the caller does
// not know, and saves or drops the item again.
func (i *Item) Save(r Record) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.gone {
		return i.failed("save", errGone)
	}
	info, err := i.file.Stat()
	if err != nil {
		return i.failed("save", err)
	}
	if info.Size() < r.Size {
		return i.failed("save", fmt.Errorf("the record says %d bytes, and the data has %d", r.Size, info.Size()))
	}
	if err := syncData(i.file); err != nil {
		return i.failed("save", err)
	}
	if r.Saved.IsZero() {
		r.Saved = time.Now()
	}
	return i.writeLocked("save", r)
}

// Note replaces the record of a saved item: there is a new path, or one more
// error. It is on disk when Note returns; what was written to the data since
// Save need not be.
func (i *Item) Note(r Record) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.gone:
		return i.failed("note", errGone)
	case i.record == nil:
		return i.failed("note", errors.New("the item is not saved"))
	}
	return i.writeLocked("note", r)
}

func (i *Item) writeLocked(what string, r Record) error {
	r = r.clone()
	if err := writeRecord(i.dir, i.id, r, nil); err != nil {
		return i.failed(what, err)
	}
	i.record = &r
	return nil
}

// Drop removes the item: its content is on the server, or not wanted. A crash
// does not bring it back. Once is enough, more do no harm.
func (i *Item) Drop() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.gone {
		return nil
	}
	// Also if there is none: a Save that failed may have left one. The record
	// goes first: data without a record is nothing, the other way round it is
	// damage.
	err := os.Remove(filepath.Join(i.dir, i.id+recordSuffix))
	if err == nil {
		err = syncDir(i.dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return i.failed("drop", err)
	}
	i.record, i.gone = nil, true
	err = remove(filepath.Join(i.dir, i.id+dataSuffix))
	if err = errors.Join(err, i.file.Close()); err != nil {
		return i.failed("drop", err)
	}
	return nil
}

// Lose moves the item to lost+found, with the reason.
func (i *Item) Lose(reason string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.gone {
		return i.failed("lose", errGone)
	}
	r := Record{}
	if i.record != nil {
		r = *i.record
	}
	if info, err := i.file.Stat(); err == nil {
		r.Size = info.Size()
	}
	if err := syncData(i.file); err != nil {
		return i.failed("lose", err)
	}
	if err := lose(i.dir, i.id, i.origin, r, reason); err != nil {
		return i.failed("lose", err)
	}
	i.record, i.gone = nil, true
	_ = i.file.Close() // it is synced
	return nil
}

// failed names the item in an error, by the file that has its data.
func (i *Item) failed(what string, err error) error {
	return fmt.Errorf("staging directory: %s %s: %w", what, filepath.Join(i.dir, i.id+dataSuffix), err)
}

// syncData has the content of a file on disk.
func syncData(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	err2 := raw.Control(func(fd uintptr) {
		for {
			if err = unix.Fdatasync(int(fd)); !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	if err = errors.Join(err, err2); err != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

// remove is os.Remove for what may be gone.
func remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
