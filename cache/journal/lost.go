package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// reasonFile is what stands beside lost data.
type reasonFile struct {
	Origin anyText `json:"origin"`
	Path   anyText `json:"path"`
	Size   int64   `json:"size"`
	Reason anyText `json:"reason"`
	When   instant `json:"when"`
	Text   string  `json:"time"` // When, for people
	NoData bool    `json:"no_data,omitempty"`
}

// lose moves an item to lost+found. The record says first that this is under
// way, and as what; then a crash at any point leaves what finishLosing can
// finish.
func lose(dir, id, origin string, r Record, reason string) error {
	lost := filepath.Join(filepath.Dir(dir), lostDir)
	now := time.Now()
	for n := 1; ; n++ {
		name := now.UTC().Format("20060102T150405.000Z") + "-" + clearName(r.Path)
		if n > 1 {
			name = fmt.Sprintf("%s-%d-%s", now.UTC().Format("20060102T150405.000Z"), n, clearName(r.Path))
		}
		if exists(filepath.Join(lost, name)) || exists(filepath.Join(lost, name+reasonSuffix)) {
			continue
		}
		mark := &lostMark{name, anyText(reason), *toInstant(now)}
		if err := writeRecord(dir, id, r, mark); err != nil {
			return err
		}
		err := finishLosing(dir, id, origin, r, mark)
		if errors.Is(err, fs.ErrExist) {
			continue // another process has just taken the name
		}
		return err
	}
}

// finishLosing does what the mark says and is not done yet.
func finishLosing(dir, id, origin string, r Record, mark *lostMark) error {
	lost := filepath.Join(filepath.Dir(dir), lostDir)
	if err := makeDir(lost); err != nil {
		return err
	}
	data, target := filepath.Join(dir, id+dataSuffix), filepath.Join(lost, mark.Name)
	if err := renameNew(data, target); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	when := mark.When.time()
	text, err := json.MarshalIndent(reasonFile{
		anyText(origin), anyText(r.Path), r.Size, mark.Reason, mark.When, when.Format(time.RFC3339), !exists(target),
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(target+reasonSuffix, append(text, '\n')); err != nil {
		return err
	}
	if err := syncDir(lost); err != nil {
		return err
	}
	if err := remove(filepath.Join(dir, id+recordSuffix)); err != nil {
		return err
	}
	return syncDir(dir)
}

// renameNew renames to a name that must be free.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	switch {
	case errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS): // not every file system can
		if exists(to) {
			return &os.LinkError{Op: "rename", Old: from, New: to, Err: fs.ErrExist}
		}
		return os.Rename(from, to)
	case err != nil:
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// maxClearName leaves room for time, suffix and what a temporary name adds, in
// the 255 bytes of a name.
const maxClearName = 150

// clearName makes the last part of a path into a name that can be typed.
func clearName(path string) string {
	var b strings.Builder
	for _, r := range path[strings.LastIndexByte(path, '/')+1:] {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = '_'
		}
		if b.Len()+utf8.RuneLen(r) > maxClearName {
			break
		}
		b.WriteRune(r)
	}
	name := b.String()
	if name == "" {
		return "unknown"
	}
	if strings.HasSuffix(name, reasonSuffix) {
		name += "_" // it is not the reason of another one
	}
	return name
}
