package realserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// packages are what the servers come in; libraries follow from them.
var packages = []string{"vsftpd", "proftpd-core", "proftpd-mod-crypto", "pure-ftpd", "pure-ftpd-common",
	"python3-pyftpdlib", "python3-openssl", "python3-cryptography", "python3-cffi-backend"}

// programs are the files that must run.
var programs = []string{"usr/sbin/vsftpd", "usr/sbin/proftpd", "usr/sbin/pure-ftpd", "usr/bin/pure-pw"}

var fetch = sync.OnceValues(func() (string, error) {
	base := os.Getenv("FTPFS_SERVERS")
	if base == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		base = filepath.Join(cache, "ftpfs", "servers")
	}
	return base, Fetch(base)
})

// Fetch unpacks the servers' packages below a directory, unless that was done
// before. Several processes may do so at the same time.
func Fetch(base string) error {
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	lock, err := os.Create(filepath.Join(base, ".lock"))
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	done := filepath.Join(base, ".complete-with-tls") // another name when there are other packages
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	if err := unpack(base, packages); err != nil {
		// The lists of a bare machine are missing or old.
		if out, err := exec.Command("apt-get", "-q", "update").CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get update: %w: %s", err, out)
		}
		if err := unpack(base, packages); err != nil {
			return err
		}
	}
	if missing(base) != "" {
		libraries, err := dependencies()
		if err != nil {
			return err
		}
		if err := unpack(base, libraries); err != nil {
			return err
		}
		if text := missing(base); text != "" {
			return fmt.Errorf("libraries are missing: %s", text)
		}
	}
	return os.WriteFile(done, nil, 0o644)
}

// unpack downloads packages and unpacks them, all into the same tree.
func unpack(base string, names []string) error {
	temp, err := os.MkdirTemp(base, "download-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	if err := os.Chmod(temp, 0o777); err != nil { // apt downloads as another user
		return err
	}
	cmd := exec.Command("apt-get", append([]string{"-q", "download"}, names...)...)
	cmd.Dir = temp
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get download: %w: %s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(temp, "*.deb"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if out, err := exec.Command("dpkg", "-x", f, base).CombinedOutput(); err != nil {
			return fmt.Errorf("dpkg -x %s: %w: %s", filepath.Base(f), err, out)
		}
	}
	return nil
}

// missing tells which libraries the programs do not find.
func missing(base string) string {
	var all []string
	for _, p := range programs {
		cmd := exec.Command("ldd", filepath.Join(base, p))
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(libraryPath(base), ":"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			all = append(all, fmt.Sprintf("%s: %v", p, err))
		}
		for _, line := range strings.Split(string(out), "\n") {
			if strings.Contains(line, "not found") {
				all = append(all, strings.TrimSpace(line))
			}
		}
	}
	return strings.Join(all, "; ")
}

// dependencies lists the library packages that the servers depend on.
func dependencies() ([]string, error) {
	args := []string{"depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts",
		"--no-breaks", "--no-replaces", "--no-enhances"}
	out, err := exec.Command("apt-cache", append(args, packages...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("apt-cache depends: %w", err)
	}
	var names []string
	for _, line := range strings.Split(string(out), "\n") {
		// What the C library is made of must be the machine's own.
		if !strings.HasPrefix(line, "lib") || strings.HasPrefix(line, "libc6") || strings.HasPrefix(line, "libc-") ||
			strings.HasPrefix(line, "libgcc") || strings.HasPrefix(line, "libpython") || strings.HasPrefix(line, "libperl") {
			continue
		}
		names = append(names, strings.TrimSpace(line))
	}
	return names, nil
}

func libraryPath(base string) []string {
	var dirs []string
	for _, pattern := range []string{"usr/lib/*-linux-gnu*", "lib/*-linux-gnu*", "usr/lib"} {
		found, _ := filepath.Glob(filepath.Join(base, pattern)) // the patterns are good
		dirs = append(dirs, found...)
	}
	return dirs
}
