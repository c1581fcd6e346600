package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// Detach unmounts a mount of another process: by itself as root, by
// fusermount3 for other users. lazy also takes one away that is in use.
func Detach(ctx context.Context, mountpoint string, lazy bool) error {
	if os.Geteuid() == 0 {
		flags := unix.UMOUNT_NOFOLLOW
		if lazy {
			flags |= unix.MNT_DETACH
		}
		err := unix.Unmount(mountpoint, flags)
		if errors.Is(err, unix.EBUSY) {
			return ErrBusy
		}
		return err
	}
	args := []string{"-u", mountpoint}
	if lazy {
		args = []string{"-u", "-z", mountpoint}
	}
	program, err := exec.LookPath("fusermount3")
	if err != nil {
		return fmt.Errorf("fusermount3 is not installed: install the package fuse3: %w", err)
	}
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	switch {
	case err == nil:
		return nil
	case strings.Contains(text, "busy"):
		return ErrBusy
	case text != "":
		return errors.New(text)
	}
	return err
}
