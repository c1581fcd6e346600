package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"
)

// The writing half of remote. ops are the commands that changed something, as
// "STOR /a" or "RNTO /b".

func (r *remote) did(format string, args ...any) error {
	r.ops = append(r.ops, fmt.Sprintf(format, args...))
	verb, name, _ := strings.Cut(r.ops[len(r.ops)-1], " ")
	if r.refuse != nil {
		return r.refuse(verb, name)
	}
	return nil
}

// took returns the commands since the last call.
func (r *remote) took() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	ops := r.ops
	r.ops = nil
	return ops
}

func (r *remote) content(name string) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	data, ok := r.files[name]
	return string(data), ok
}

// entryLocked is what a listing tells of a path.
func (r *remote) entryLocked(name string) (ftpconn.Entry, bool) {
	if l := r.dirs[path.Dir(name)]; l != nil {
		for _, e := range l.Entries {
			if e.Name == path.Base(name) {
				return e, true
			}
		}
	}
	return ftpconn.Entry{}, false
}

func (r *remote) removeLocked(name string) {
	delete(r.files, name)
	if old := r.dirs[path.Dir(name)]; old != nil {
		l := *old
		l.Entries = slices.DeleteFunc(slices.Clone(l.Entries), func(e ftpconn.Entry) bool { return e.Name == path.Base(name) })
		r.dirs[path.Dir(name)] = &l
	}
}

func (r *remote) Store(_ context.Context, name string, o ftpconn.StoreOptions) (ftpconn.Upload, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	verb := "STOR"
	if o.Append {
		verb = "APPE"
	}
	if err := r.did("%s %s", verb, temporary(name)); err != nil {
		return nil, err
	}
	if r.dirs[path.Dir(name)] == nil {
		return nil, fs.ErrNotExist
	}
	u := &upload{r: r, name: name}
	if o.Append {
		u.data = slices.Clone(r.files[name])
		u.old = len(u.data)
	}
	return u, nil
}

// temporary gives all temporary names the same name.
func temporary(name string) string {
	if strings.HasPrefix(path.Base(name), ".ftpfs-") {
		return path.Join(path.Dir(name), "TEMP")
	}
	return name
}

type upload struct {
	r    *remote
	name string
	data []byte
	old  int // of an append: what was there
}

func (u *upload) Write(p []byte) (int, error) {
	u.r.mu.Lock()
	cut, arrived := u.r.cutUpload, u.r.arrived
	u.r.mu.Unlock()
	if cut != nil {
		if err := cut(u.name, len(u.data)); err != nil {
			n := len(u.data)
			if arrived != nil {
				n = arrived(n)
			}
			u.r.put(u.name, u.data[:n])
			return 0, err
		}
	}
	u.data = append(u.data, p...)
	return len(p), nil
}

func (u *upload) SendFile(f *os.File, off int64, n int) (int, error) {
	data := make([]byte, n)
	if _, err := f.ReadAt(data, off); err != nil {
		return 0, err
	}
	return u.Write(data)
}

func (r *remote) put(name string, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.putLocked(name, data, r.mtime)
}

func (r *remote) putLocked(name string, data []byte, t time.Time) ftpconn.Entry {
	r.files[name] = data
	e := ftpconn.Entry{Name: path.Base(name), Type: listing.File, Size: int64(len(data)), ModTime: t, ModPrec: listing.Second}
	r.addLocked(path.Dir(name), e)
	return e
}

func (u *upload) Commit(_ context.Context, s ftpconn.Settled) (ftpconn.Applied, error) {
	u.r.mu.Lock()
	defer u.r.mu.Unlock()
	if u.r.cutCommit != nil {
		if n, err := u.r.cutCommit(u.name, len(u.data)); err != nil {
			if u.old > 0 {
				n = max(n, u.old)
			}
			switch {
			case n == len(u.data): // only the reply was lost
				u.r.putLocked(u.name, u.data, s.Time)
			case n >= 0:
				u.r.putLocked(u.name, u.data[:n], u.r.mtime)
			}
			return ftpconn.Applied{}, err
		}
	}
	if s.Size >= 0 && s.Size != int64(len(u.data)) {
		return ftpconn.Applied{}, ftpconn.ErrShort
	}
	if u.r.dirs[path.Dir(u.name)] == nil { // the directory has another name by now
		return ftpconn.Applied{Entry: ftpconn.Entry{Size: int64(len(u.data))}, Time: true, Mode: true}, nil
	}
	t := s.Time
	if u.r.untimed {
		t = u.r.mtime
	}
	e := u.r.putLocked(u.name, u.data, t)
	if s.HasMode && !u.r.unmoded {
		e.HasMode, e.Mode = true, uint16(s.Mode)
		u.r.addLocked(path.Dir(u.name), e)
	}
	return ftpconn.Applied{Entry: e, Time: !u.r.untimed, Mode: !u.r.unmoded}, nil
}

func (u *upload) Abort() {}

func (r *remote) Remove(_ context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.did("DELE %s", temporary(name)); err != nil {
		return err
	}
	if _, ok := r.files[name]; !ok {
		return fs.ErrNotExist
	}
	r.removeLocked(name)
	return nil
}

func (r *remote) Mkdir(_ context.Context, name string) error {
	r.mu.Lock()
	if err := r.did("MKD %s", name); err != nil {
		r.mu.Unlock()
		return err
	}
	r.mu.Unlock()
	r.mkdir(name)
	return nil
}

func (r *remote) Rmdir(_ context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.did("RMD %s", name); err != nil {
		return err
	}
	if len(r.dirs[name].Entries) > 0 {
		return ftpconn.ErrNotEmpty
	}
	r.removeLocked(name)
	delete(r.dirs, name)
	return nil
}

func (r *remote) Rename(_ context.Context, from, to string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.renameLocked(from, to)
	if err == nil && r.doubtTo != nil {
		err = r.doubtTo(from, to)
	}
	return err
}

func (r *remote) renameLocked(from, to string) error {
	if err := r.did("RNTO %s", temporary(to)); err != nil {
		return err
	}
	if r.refuseTo != nil {
		if err := r.refuseTo(from, to); err != nil {
			return err
		}
	}
	if r.dirs[path.Dir(from)] == nil || r.dirs[path.Dir(to)] == nil {
		return fs.ErrNotExist
	}
	for _, e := range r.dirs[path.Dir(from)].Entries {
		if e.Name != path.Base(from) {
			continue
		}
		data, file := r.files[from]
		r.removeLocked(from)
		e.Name = path.Base(to)
		r.addLocked(path.Dir(to), e)
		if file {
			r.files[to] = data
			return nil
		}
		for dir, l := range r.dirs {
			if dir == from || strings.HasPrefix(dir, from+"/") {
				delete(r.dirs, dir)
				r.dirs[to+dir[len(from):]] = l
			}
		}
		for name, data := range r.files {
			if strings.HasPrefix(name, from+"/") {
				delete(r.files, name)
				r.files[to+name[len(from):]] = data
			}
		}
		return nil
	}
	return fs.ErrNotExist
}

func (r *remote) Exists(ctx context.Context, name string, lane ftpconn.Lane) (ftpconn.Entry, bool, error) {
	e, err := r.Stat(ctx, name, lane)
	if errors.Is(err, fs.ErrNotExist) {
		return e, false, nil
	}
	return e, err == nil, err
}

func (r *remote) Symlink(context.Context, string, string) error { return ftpconn.ErrNotSupported }

func (r *remote) SetTime(_ context.Context, name string, t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.did("MFMT %s", name); err != nil {
		return err
	}
	e, ok := r.entryLocked(name)
	if !ok {
		return fs.ErrNotExist
	}
	e.ModTime, e.ModPrec = t, listing.Second
	r.addLocked(path.Dir(name), e)
	return nil
}

func (r *remote) SetMode(_ context.Context, name string, perm uint32) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.did("CHMOD %s", name); err != nil {
		return err
	}
	e, ok := r.entryLocked(name)
	if !ok {
		return fs.ErrNotExist
	}
	e.HasMode, e.Mode = true, uint16(perm)
	r.addLocked(path.Dir(name), e)
	return nil
}

func (r *remote) Copy(_ context.Context, from, to string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.did("COPY %s", from); err != nil {
		return err
	}
	r.putLocked(to, r.files[from], r.mtime)
	return nil
}

func (r *remote) Space(context.Context, string) (int64, error) { return 0, ftpconn.ErrNotSupported }
