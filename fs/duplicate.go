package fs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// A shell that redirects opens a file, duplicates the descriptor, and closes
// the first one before anything was written. That close must not put an empty
// file on the server: the content follows.

// heldOpen says whether the process that closes a descriptor of h has another
// one of the same file.
func heldOpen(ctx context.Context, h *handle) bool {
	caller, ok := fuse.FromContext(ctx)
	if !ok || h.n.handles.Load() != 1 {
		return false // another handle would be mistaken for a duplicate
	}
	answer := make(chan bool, 1)
	go func() { answer <- holds(caller.Pid, filepath.Join(h.n.t.mountpoint, h.n.path())) }()
	select {
	case held := <-answer:
		return held
	case <-time.After(lookLimit):
		return false // the kernel holds a lock on the process, as in exec
	}
}

const lookLimit = 200 * time.Millisecond

// holds says whether a process has a descriptor of a file. The names are the
// kernel's; the file system is not asked.
func holds(pid uint32, file string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	all, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, fd := range all {
		if target, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && target == file {
			return true
		}
	}
	return false
}
