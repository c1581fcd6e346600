package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The locks are those of open file descriptions: they go with the process,
// however it ends, and two sessions of one process exclude each other too.

// errLocked says that another session holds a lock.
var errLocked = errors.New("it is locked")

// lockOrigin waits for the lock of an origin. Who holds it may make, take over
// and remove sessions; none of that takes long.
func lockOrigin(base string) (*os.File, error) {
	return lock(filepath.Join(base, lockFile), unix.F_OFD_SETLKW)
}

// lockSession locks a session if nobody else has it, and notes whose it is.
func lockSession(dir string) (*os.File, error) {
	f, err := lock(filepath.Join(dir, lockFile), unix.F_OFD_SETLK)
	if err != nil {
		return nil, err
	}
	// Of one length, so that a reader never sees half of it.
	if _, err := f.WriteAt(fmt.Appendf(nil, "%-20d\n", os.Getpid()), 0); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func lock(name string, how int) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.FcntlFlock(f.Fd(), how, &unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart})
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	switch {
	case err == nil:
		return f, nil
	case how == unix.F_OFD_SETLK && (errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES)):
		err = errLocked
	default:
		err = &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	_ = f.Close()
	return nil, err
}

// holder says whose a session is, or was, and whether that process has it
// still. It does not take the lock, so that looking never keeps a session from
// being taken over.
func holder(dir string) (pid int, alive bool, err error) {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = f.Close() }()
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &l); err != nil {
		return 0, false, &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return 0, false, err
	}
	pid, _ = strconv.Atoi(strings.TrimSpace(string(text))) // 0: killed before it wrote it
	return pid, l.Type != unix.F_UNLCK, nil
}
