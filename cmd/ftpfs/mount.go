package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
)

func newMountCommand(a *app) *cobra.Command {
	s := &settings{}
	var options []string
	cmd := &cobra.Command{
		Use:   "mount [flags] URL MOUNTPOINT",
		Short: "Mount a server's directory",
		Long: `mount shows the directory URL = ftp://[user@]host[:port]/[directory] at
MOUNTPOINT. ftps:// is for TLS from the first byte (port 990), ftpes:// for
TLS by AUTH; with ftp:// it is used where a password is sent and the server
has it. mount returns when the mount works, and serves on in the background.
Without a user it logs in as anonymous. The directory counts from the one in
which the server puts the user at login; one slash more (ftp://host//pub)
makes it absolute.

The password comes from, in this order: the URL, --password-file, the variable
FTPFS_PASSWORD, ~/.netrc, a prompt. It is not visible to ps, df or mount.

What is written is on the server when close returns, or, with --write-back,
soon after; ftpfs pending lists what is not, and ftpfs umount waits for it.
With -o ro, or --read-only, nothing can be changed.

A line of /etc/fstab works when mount.fuse.ftpfs in /sbin is a link to ftpfs:
  ftp://host/pub  /mnt  fuse.ftpfs  _netdev,allow_other,list-ttl=1m  0  0`,
		Example: `  ftpfs mount ftp://ftp.example.org/pub /mnt
  ftpfs mount -f --trace - ftp://joe@host:2121/ /mnt    # watch the conversation`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fail(exitUsage, "mount needs a URL and a mountpoint, as in: ftpfs mount ftp://host/pub /mnt")
			}
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().AddFlagSet(s.flags())
	cmd.Flags().StringArrayVarP(&options, "options", "o", nil, "`list` of mount options and of the flags here, with commas")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if a.env(backgroundVariable) != "" {
			return a.serveInBackground(cmd.Context())
		}
		for _, list := range options {
			if err := applyMountOptions(list, s, cmd.Flags()); err != nil {
				return fail(exitUsage, "%w", err)
			}
		}
		if err := a.complete(s, args[0], args[1]); err != nil {
			return err
		}
		if s.Foreground {
			return a.serve(cmd.Context(), s, a.notify)
		}
		return a.startInBackground(s)
	}
	return cmd
}

// complete fills in what the arguments say, and refuses what can not work.
func (a *app) complete(s *settings, url, mountpoint string) error {
	l, err := parseLocation(url)
	if err != nil {
		return fail(exitUsage, "URL: %w", err)
	}
	s.Host, s.Port, s.Dir = l.host, l.port, l.dir
	if err := s.setScheme(l.scheme); err != nil {
		return fail(exitUsage, "%w", err)
	}
	if _, err := s.tlsSettings.config(s.Host); err != nil {
		return fail(exitUsage, "%w", err)
	}
	if err := a.findProxy(s); err != nil {
		return fail(exitUsage, "%w", err)
	}
	if err := s.check(); err != nil {
		return fail(exitUsage, "%w", err)
	}
	if s.Trace == "-" && !s.Foreground {
		return fail(exitUsage, "--trace - writes to the terminal and needs -f; in the background, name a file")
	}
	if s.Mountpoint, err = checkMountpoint(mountpoint); err != nil {
		return &exitError{code: exitMountpoint, err: err}
	}
	if err := checkFuse(s.AllowOther); err != nil {
		return &exitError{code: exitFuse, err: err}
	}
	if s.StagingDir == "" && !s.ReadOnly {
		if s.StagingDir, err = a.defaultStagingDir(); err != nil {
			return fail(exitUsage, "%w", err)
		}
	}
	for _, name := range []*string{&s.Trace, &s.LogFile, &s.CAFile, &s.CertFile, &s.KeyFile, &s.CacheDir, &s.StagingDir} {
		if *name != "" && *name != "-" {
			if *name, err = filepath.Abs(*name); err != nil {
				return err
			}
		}
	}
	if err := a.findPassword(s, l); err != nil {
		return fail(exitUsage, "%w", err)
	}
	l.user = s.User
	s.PublicURL = l.String()
	return nil
}

// checkMountpoint says clearly what is wrong with a mountpoint.
func checkMountpoint(name string) (string, error) {
	full, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	st, err := os.Stat(full)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("mountpoint %s does not exist; make it with mkdir", name)
	case errors.Is(err, syscall.ENOTCONN):
		return "", fmt.Errorf("mountpoint %s has a dead mount on it; remove that with: ftpfs umount %s", name, name)
	case err != nil:
		return "", fmt.Errorf("mountpoint: %w", err)
	case !st.IsDir():
		return "", fmt.Errorf("mountpoint %s is not a directory", name)
	}
	if full, err = filepath.EvalSymlinks(full); err != nil {
		return "", fmt.Errorf("mountpoint: %w", err)
	}
	if m, ok := findMount(full); ok && m.fstype == fsType {
		return "", fmt.Errorf("%s is mounted there already: %s", m.source, name)
	}
	return full, nil
}

// checkFuse says what to install.
func checkFuse(allowOther bool) error {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return errors.New("/dev/fuse is missing: load the kernel module with `modprobe fuse`; in a container, pass --device /dev/fuse --cap-add SYS_ADMIN")
	}
	if os.Geteuid() == 0 {
		return nil
	}
	if _, err := exec.LookPath("fusermount3"); err != nil {
		return errors.New("fusermount3 is missing, which users other than root need: install the package fuse3")
	}
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err == nil {
		_ = f.Close()
	} else if errors.Is(err, os.ErrPermission) {
		return errors.New("you may not use /dev/fuse; root can allow it with: chmod 666 /dev/fuse")
	}
	if allowOther {
		return allowedOther("/etc/fuse.conf")
	}
	return nil
}
