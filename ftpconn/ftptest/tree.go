package ftptest

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"
)

// tree is the file tree of a Server: what ftpserverlib serves and what a test
// changes behind the mount's back. Its lock makes a replaced file appear as a
// whole, new or old; whoever has the old one open goes on reading that.
type tree struct {
	afero.Fs

	mu sync.RWMutex // guards the names in Fs, not the contents of open files
}

var (
	_ ftpserver.ClientDriver                   = (*tree)(nil)
	_ ftpserver.ClientDriverExtensionFileList  = (*tree)(nil)
	_ ftpserver.ClientDriverExtensionRemoveDir = (*tree)(nil)
)

func newTree(dir string) (*tree, error) {
	if dir == "" {
		m := afero.NewMemMapFs()
		return &tree{Fs: m}, m.MkdirAll("/", 0o755)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(abs); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, &fs.PathError{Op: "serve", Path: dir, Err: syscall.ENOTDIR}
	}
	return &tree{Fs: afero.NewBasePathFs(afero.NewOsFs(), abs)}, nil
}

func (t *tree) Open(name string) (afero.File, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.openFile(name, os.O_RDONLY, 0)
}

func (t *tree) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if flag&os.O_CREATE != 0 {
		if info, err := t.Fs.Stat(path.Dir(name)); err != nil {
			return nil, err
		} else if !info.IsDir() {
			return nil, pathError("open", name, syscall.ENOTDIR)
		}
		if perm == 0 {
			perm = 0o644
		}
	}
	return t.openFile(name, flag, perm)
}

// openFile refuses directories: in memory they would read as empty files.
func (t *tree) openFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	if info, err := t.Fs.Stat(name); err == nil && info.IsDir() {
		return nil, pathError("open", name, syscall.EISDIR)
	}
	return t.Fs.OpenFile(name, flag, perm)
}

func (t *tree) Stat(name string) (os.FileInfo, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.stat(name)
}

func (t *tree) stat(name string) (os.FileInfo, error) {
	info, err := t.Fs.Stat(name)
	if err != nil {
		return nil, err
	}
	return snapshot(info), nil
}

// ReadDir lists a directory. Links of a served directory are followed and
// dangling ones left out, because the library cannot write a link's line.
func (t *tree) ReadDir(name string) ([]os.FileInfo, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all, err := afero.ReadDir(t.Fs, name)
	if err != nil {
		return nil, err
	}
	infos := make([]os.FileInfo, 0, len(all))
	for _, info := range all {
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := t.Fs.Stat(path.Join(name, info.Name()))
			if err != nil {
				continue
			}
			s := snapshot(target)
			s.name = info.Name()
			infos = append(infos, s)
			continue
		}
		infos = append(infos, snapshot(info))
	}
	return infos, nil
}

func (t *tree) Mkdir(name string, perm os.FileMode) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := t.Fs.Stat(path.Dir(name))
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return pathError("mkdir", name, syscall.ENOTDIR)
	}
	return t.Fs.Mkdir(name, perm)
}

// Remove removes a file, never a directory (DELE).
func (t *tree) Remove(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := t.Fs.Stat(name)
	if err == nil && info.IsDir() {
		return pathError("delete", name, syscall.EISDIR)
	}
	return t.Fs.Remove(name)
}

// RemoveDir removes an empty directory (RMD). The tree in memory would remove
// a full one and lose what is in it.
func (t *tree) RemoveDir(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := t.Fs.Stat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return pathError("rmdir", name, syscall.ENOTDIR)
	}
	names, err := afero.ReadDir(t.Fs, name)
	if err != nil {
		return err
	}
	if len(names) > 0 || path.Clean(name) == "/" {
		return pathError("rmdir", name, syscall.ENOTEMPTY)
	}
	return t.Fs.Remove(name)
}

// Rename replaces a file, as rename(2) does, but no directory.
func (t *tree) Rename(from, to string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if info, err := t.Fs.Stat(to); err == nil {
		if info.IsDir() {
			return pathError("rename", to, syscall.EEXIST)
		}
	}
	if _, err := t.Fs.Stat(path.Dir(to)); err != nil {
		return err
	}
	return t.Fs.Rename(from, to)
}

// write replaces or makes a file, with its parents.
func (t *tree) write(name string, data []byte, mod time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if info, err := t.Fs.Stat(name); err == nil {
		if info.IsDir() {
			return pathError("write", name, syscall.EISDIR)
		}
		if err := t.Fs.Remove(name); err != nil {
			return err
		}
	}
	if err := t.Fs.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := t.Fs.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if errClose := f.Close(); err == nil {
		err = errClose
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	return t.Fs.Chtimes(name, mod, mod)
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// fileInfo is a copy of a file's attributes: those of the tree in memory
// change while they are looked at.
type fileInfo struct {
	name string
	size int64
	mode fs.FileMode
	mod  time.Time
}

func snapshot(i os.FileInfo) *fileInfo {
	return &fileInfo{name: i.Name(), size: i.Size(), mode: i.Mode(), mod: i.ModTime()}
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.size }
func (i *fileInfo) Mode() fs.FileMode  { return i.mode }
func (i *fileInfo) ModTime() time.Time { return i.mod }
func (i *fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i *fileInfo) Sys() any           { return nil }
