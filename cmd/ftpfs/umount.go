package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"ftpfs/fs"

	"github.com/spf13/cobra"
)

func newUmountCommand(a *app) *cobra.Command {
	lazy, noWait := false, false
	cmd := &cobra.Command{
		Use:     "umount [-l] [--no-wait] MOUNTPOINT",
		Aliases: []string{"unmount"},
		Short:   "Unmount, when all is uploaded",
		Long: `umount ends a mount and returns when the process that served it is gone: that
is, when all that was written is on the server. As long as something is being
uploaded, or tried again, it waits, and shows how far it is. Ctrl-C ends the
waiting only: the process goes on uploading.

If something is not on the server in the end, or not yet when the waiting ends,
it is listed, and the exit code is 10. It is kept on this machine, and the next
mount of the same server uploads it; see ftpfs pending.

With -l a mount that is in use disappears at once; programs that have files
open on it can finish, and nothing is waited for.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fail(exitUsage, "umount needs a mountpoint, as in: ftpfs umount /mnt")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.umount(cmd.Context(), args[0], lazy, !lazy && !noWait)
		},
	}
	cmd.Flags().BoolVarP(&lazy, "lazy", "l", false, "also if it is in use")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "do not wait for uploads: say what is left, and return")
	return cmd
}

func (a *app) umount(ctx context.Context, name string, lazy, wait bool) error {
	full, err := resolveMountpoint(name)
	if err != nil {
		return fail(exitMountpoint, "%w", err)
	}
	m, ok := findMount(full)
	if !ok {
		return fail(exitMountpoint, "nothing is mounted at %s", name)
	}
	if m.fstype != fsType {
		return fail(exitMountpoint, "%s is not a mount of ftpfs but of type %s", name, m.fstype)
	}
	w := a.newUploadWait(m)
	switch err := fs.Detach(ctx, full, lazy); {
	case errors.Is(err, fs.ErrBusy):
		return fail(exitBusy, "files on %s are in use; close them, or unmount it with -l", name)
	case err != nil:
		return fail(exitFailure, "unmount %s: %w", name, err)
	}
	if w == nil {
		return nil
	}
	if !wait {
		return w.noWait()
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	return w.wait(signals)
}

// resolveMountpoint makes a mountpoint absolute without touching it: what is
// mounted there may be dead.
func resolveMountpoint(name string) (string, error) {
	full, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(full))
	if err != nil {
		return "", err
	}
	joined := filepath.Join(dir, filepath.Base(full))
	if target, err := os.Readlink(joined); err == nil {
		if !filepath.IsAbs(target) {
			target = filepath.Join(dir, target)
		}
		return filepath.Clean(target), nil
	}
	return joined, nil
}

// servingProcess finds the background process of a mount by its arguments; 0
// if there is none that we may see.
func servingProcess(m mountEntry) int {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0
	}
	for _, name := range all {
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		args := strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
		if len(args) == 4 && args[1] == "mount" && args[2] == m.source && args[3] == m.target {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			if err == nil && pid != os.Getpid() {
				return pid
			}
		}
	}
	return 0
}
