package journal

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Pending is a file whose content is not on the server.
type Pending struct {
	Origin  string
	Path    string // on the mount
	Size    int64
	Saved   time.Time // if Lost: when it was lost
	Tries   int
	Error   string // if Lost: the reason
	Lost    bool   // it is in lost+found, or on the way
	File    string // where the data is; of lost data that is missing, where the reason is
	Alive   bool   // the process that has it runs
	PID     int    // that process, also if it is gone; 0: not known
	Session string // its part of the directory
}

// List returns all that is saved in a staging directory and all that is lost,
// by origin and age. It neither makes nor changes nor locks anything: what
// comes or goes meanwhile may be in it or not, and what is just being lost may
// be in it twice. With an error comes what could be read.
func List(dir string) ([]Pending, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("staging directory: %w", err)
	}
	origins, err := readDir(dir)
	var all []Pending
	errs := []error{err}
	// What is being lost goes from the one to the other: in this order it is
	// not missed.
	for _, pattern := range []struct {
		name string
		read func(string) ([]Pending, error)
	}{{sessionPrefix, listSession}, {lostDir, listLost}} {
		for _, o := range origins {
			if !o.IsDir() {
				continue
			}
			parts, err := readDir(filepath.Join(dir, o.Name()))
			errs = append(errs, err)
			for _, p := range parts {
				if p.IsDir() && strings.HasPrefix(p.Name(), pattern.name) {
					more, err := pattern.read(filepath.Join(dir, o.Name(), p.Name()))
					all = append(all, more...)
					errs = append(errs, err)
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Pending) int {
		return cmp.Or(strings.Compare(a.Origin, b.Origin), a.Saved.Compare(b.Saved), strings.Compare(a.Path, b.Path))
	})
	if err := errors.Join(errs...); err != nil {
		return all, fmt.Errorf("staging directory: %w", err)
	}
	return all, nil
}

// readDir is os.ReadDir for what may be gone.
func readDir(dir string) ([]os.DirEntry, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}

func listSession(dir string) ([]Pending, error) {
	entries, err := readDir(dir)
	if err != nil {
		return nil, err
	}
	pid, alive, err := holder(dir)
	errs := []error{err}
	origin, err := os.ReadFile(filepath.Join(dir, originFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	var all []Pending
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), recordSuffix)
		if !ok || strings.HasPrefix(id, ".") {
			continue
		}
		r, mark, err := readRecord(dir, id)
		p := Pending{
			Origin: string(origin), Path: r.Path, Size: r.Size, Saved: r.Saved, Tries: r.Tries, Error: r.Error,
			File: filepath.Join(dir, id+dataSuffix), Alive: alive, PID: pid, Session: filepath.Base(dir),
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // it has just been uploaded
		case errors.Is(err, errDamaged):
			p.Error = err.Error()
		case err != nil:
			errs = append(errs, err)
			continue
		case mark != nil:
			p.Lost, p.Error, p.Saved = true, string(mark.Reason), mark.When.time()
			if !exists(p.File) {
				p.File = filepath.Join(filepath.Dir(dir), lostDir, mark.Name)
			}
		}
		all = append(all, p)
	}
	return all, errors.Join(errs...)
}

func listLost(dir string) ([]Pending, error) {
	entries, err := readDir(dir)
	if err != nil {
		return nil, err
	}
	var all []Pending
	var errs []error
	for _, e := range entries {
		name, isReason := strings.CutSuffix(e.Name(), reasonSuffix)
		file := filepath.Join(dir, name)
		if strings.HasPrefix(name, ".") || (isReason && exists(file)) {
			continue // the data stands for both
		}
		p := Pending{Lost: true}
		if info, err := os.Lstat(file); err == nil {
			p.File, p.Size, p.Saved = file, info.Size(), info.ModTime()
		}
		data, err := os.ReadFile(file + reasonSuffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		var r reasonFile
		if err == nil && json.Unmarshal(data, &r) == nil {
			p.Origin, p.Path, p.Error, p.Saved = string(r.Origin), string(r.Path), string(r.Reason), r.When.time()
		}
		if p.File == "" {
			if !r.NoData {
				continue // its user has taken the data
			}
			p.File, p.Size = file+reasonSuffix, r.Size
		}
		all = append(all, p)
	}
	return all, errors.Join(errs...)
}
