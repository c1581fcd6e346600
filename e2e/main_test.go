package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ftpfs is the built program.
var ftpfs string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ftpfs-e2e-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ftpfs = filepath.Join(dir, "ftpfs")
	args := []string{"build", "-o", ftpfs}
	if raceEnabled {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "ftpfs/cmd/ftpfs")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	// Races in the background processes would be told to nobody.
	races := filepath.Join(dir, "race")
	if err := os.Setenv("GORACE", "log_path="+races); err != nil {
		panic(err)
	}
	// What mounts leave of themselves is not the business of this machine.
	if err := os.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state")); err != nil {
		panic(err)
	}
	// These tests run make themselves.
	for _, name := range []string{"MAKEFLAGS", "MAKELEVEL", "MFLAGS"} {
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if found, _ := filepath.Glob(races + ".*"); len(found) > 0 {
		for _, name := range found {
			fmt.Fprintf(os.Stderr, "%s\n", tail(name))
		}
		code = 1
	}
	if mounts, err := os.ReadFile("/proc/self/mounts"); err == nil && strings.Contains(string(mounts), dir) {
		fmt.Fprintln(os.Stderr, "a mount was left behind")
		code = 1
	}
	return code
}

// needMounts skips a test where nothing can be mounted.
func needMounts(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("mounts and real servers take their time; not with -short")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("no /dev/fuse")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

// result is what a program left.
type result struct {
	out  string // stdout and stderr
	code int
}

// limit is how long any program here may take: hanging is the failure that
// it guards against.
const limit = 2 * time.Minute

// try runs a program.
func try(t *testing.T, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.Fatalf("%s %q hangs; so far: %s", name, args, out.String())
	case err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay):
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return result{out: out.String(), code: cmd.ProcessState.ExitCode()}
}

// must runs a program that must succeed.
func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	r := try(t, name, args...)
	if r.code != 0 {
		t.Fatalf("%s %q: exit code %d\n%s", name, args, r.code, r.out)
	}
	return r.out
}

// sh runs a script with arguments $1, $2 and so on; it must succeed.
func sh(t *testing.T, script string, args ...string) string {
	t.Helper()
	return must(t, "bash", append([]string{"-euo", "pipefail", "-c", script, "sh"}, args...)...)
}

// mount mounts a URL until the end of the test, and then makes sure that
// nothing is left of it.
func mount(t *testing.T, url string, flags ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mnt")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	trace, warnings := filepath.Join(t.TempDir(), "trace"), filepath.Join(t.TempDir(), "log")
	// What another test left for the same address, since ports come again, is
	// no matter of this one.
	args := append([]string{"mount", "--trace", trace, "--log-file", warnings, "--staging-dir", filepath.Join(t.TempDir(), "staging")}, flags...)
	must(t, ftpfs, append(args, url, dir)...)
	t.Cleanup(func() {
		r := tryAfter(ftpfs, "umount", dir)
		for range 20 { // a process that is about to be another program has our files open for a moment
			if r.code != 8 {
				break
			}
			time.Sleep(100 * time.Millisecond)
			r = tryAfter(ftpfs, "umount", dir)
		}
		if r.code != 0 {
			t.Errorf("umount: exit code %d\n%s", r.code, r.out)
			_ = tryAfter(ftpfs, "umount", "-l", dir)
		}
		if pid := serving(dir); pid != 0 {
			t.Errorf("process %d still serves %s", pid, dir)
		}
		if t.Failed() {
			t.Logf("trace:\n%s", tail(trace))
			t.Logf("log:\n%s", tail(warnings))
		}
	})
	return dir
}

// tryAfter is try for the end of a test, when its context is gone.
func tryAfter(name string, args ...string) result {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = 5 * time.Second
	out, _ := cmd.CombinedOutput() // the exit code tells
	return result{out: string(out), code: cmd.ProcessState.ExitCode()}
}

func tail(name string) string {
	data, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	if len(data) > 6000 {
		data = data[len(data)-6000:]
	}
	return string(data)
}

// serving finds the process that serves a mountpoint; 0 is none.
func serving(dir string) int {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0
	}
	for _, name := range all {
		data, err := os.ReadFile(name)
		if err != nil || !bytes.Contains(data, []byte("\x00mount\x00")) || !bytes.Contains(data, []byte("\x00"+dir+"\x00")) {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(name, "/proc/%d/", &pid); err == nil {
			return pid
		}
	}
	return 0
}
