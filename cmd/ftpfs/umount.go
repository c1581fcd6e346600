package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ftpfs/fs"

	"github.com/spf13/cobra"
)

func newUmountCommand(*app) *cobra.Command {
	lazy := false
	cmd := &cobra.Command{
		Use:     "umount [-l] MOUNTPOINT",
		Aliases: []string{"unmount"},
		Short:   "Unmount",
		Long: `umount ends a mount and returns when the process that served it is gone.
With -l a mount that is in use disappears at once; programs that have files
open on it can finish.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fail(exitUsage, "umount needs a mountpoint, as in: ftpfs umount /mnt")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return umount(cmd.Context(), args[0], lazy) },
	}
	cmd.Flags().BoolVarP(&lazy, "lazy", "l", false, "also if it is in use")
	return cmd
}

func umount(ctx context.Context, name string, lazy bool) error {
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
	server := servingProcess(m)
	switch err := fs.Detach(ctx, full, lazy); {
	case errors.Is(err, fs.ErrBusy):
		return fail(exitBusy, "files on %s are in use; close them, or unmount it with -l", name)
	case err != nil:
		return fail(exitFailure, "unmount %s: %w", name, err)
	}
	if !lazy {
		waitForEnd(server)
	}
	return nil
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

// waitForEnd waits until a process is gone, a few seconds at most.
func waitForEnd(pid int) {
	if pid == 0 {
		return
	}
	for range 500 {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(state), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
