package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"ftpfs/ftpconn/ftptest/realserver"
)

// peer does a work in its own way, on a mount that is fresh.
type peer func(ctx context.Context, inside []string, srv *realserver.Server, w work) (time.Duration, error)

func (b *bench) mountFtpfs(flags ...string) peer {
	return func(ctx context.Context, inside []string, srv *realserver.Server, w work) (time.Duration, error) {
		args := append([]string{b.ftpfs, "mount", "--insecure", srv.URL(), b.path("mnt")}, flags...)
		if err := run(inside, args...); err != nil {
			return 0, err
		}
		return b.through(ctx, inside, srv, w)
	}
}

// through does the work on what is mounted, and unmounts.
func (b *bench) through(ctx context.Context, inside []string, srv *realserver.Server, w work) (time.Duration, error) {
	defer b.unmount()
	took, err := b.shell(ctx, inside, w.run, w, srv)
	b.used = usageOf(b.path("mnt"))
	return took, err
}

func (b *bench) mountRclone(mode string, readOnly bool) peer {
	return func(ctx context.Context, inside []string, srv *realserver.Server, w work) (time.Duration, error) {
		if _, err := exec.LookPath(b.rclone); err != nil {
			return 0, errNone
		}
		cache := b.TempDir()
		password, err := exec.Command(b.rclone, "obscure", "guest@").Output()
		if err != nil {
			return 0, err
		}
		err = run(inside, b.rclone, "mount", ":ftp:"+srv.Dir, b.path("mnt"), "--ftp-host", srv.Host, "--ftp-port", fmt.Sprint(srv.Port),
			"--ftp-user", srv.User, "--ftp-pass", strings.TrimSpace(string(password)), fmt.Sprintf("--read-only=%v", readOnly), "--daemon",
			"--config", "/dev/null", "--cache-dir", cache, "--vfs-cache-mode", mode)
		if err != nil {
			return 0, err
		}
		return b.through(ctx, inside, srv, w)
	}
}

// client is curl, or lftp: what a user has who does not mount.
func (b *bench) client(ctx context.Context, inside []string, srv *realserver.Server, w work) (time.Duration, error) {
	program, _, _ := strings.Cut(w.curl, " ")
	if _, err := exec.LookPath(program); err != nil || w.curl == "" {
		return 0, errNone
	}
	return b.shell(ctx, inside, w.curl, w, srv)
}

// unmount waits for whatever still has the mount open.
func (b *bench) unmount() {
	for range 50 {
		if exec.Command("umount", b.path("mnt")).Run() == nil {
			time.Sleep(300 * time.Millisecond)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	_ = exec.Command("umount", "-l", b.path("mnt")).Run()
}

func run(inside []string, args ...string) error {
	args = append(inside[:len(inside):len(inside)], args...)
	// Their output is not read: what goes into the background may hold it.
	if err := exec.Command(args[0], args[1:]...).Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return nil
}
