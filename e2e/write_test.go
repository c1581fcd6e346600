package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ftpfs/ftpconn/ftptest/realserver"
)

// A place is a directory of a server that can be written to, and its mount.
type place struct {
	kind    realserver.Kind
	url     string
	disk    string // the directory on the server's disk
	mnt     string // the same directory in the mount
	staging string // what the mount keeps on this machine
	trace   string // the conversation with the server
	later   bool   // the server gets it later: --write-back
}

// keepsModes says whether the server has SITE CHMOD.
func (p place) keepsModes() bool { return p.kind != realserver.VSFTPD }

// writableRoot makes what a server shows: "w" below it can be written to by
// everybody. (vsftpd wants no such directory for its root.)
func writableRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "w"), 0o777); err != nil {
		t.Fatal(err)
	}
	for dir, mode := range map[string]os.FileMode{filepath.Dir(root): 0o755, root: 0o755, filepath.Join(root, "w"): 0o777} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// stagingDir makes a staging directory, and checks at the end of the test that
// nothing stayed in it.
func stagingDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "staging")
	t.Cleanup(func() {
		if r := pending(dir); r != "" && !t.Failed() {
			t.Errorf("left in the staging directory: %s", r)
		}
	})
	return dir
}

// pending tells what a staging directory holds that is not on the server; ""
// is nothing.
func pending(staging string) string {
	r := tryAfter(ftpfs, "pending", "--staging-dir", staging)
	out := strings.TrimSpace(r.out)
	if r.code == 0 && (out == "" || strings.HasPrefix(out, "Nothing is pending")) {
		return ""
	}
	return out
}

// settled waits until everything is on the server.
func settled(t *testing.T, staging string) {
	t.Helper()
	for range 600 {
		if pending(staging) == "" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("still not on the server: %s", pending(staging))
}

// newPlace starts a server and mounts its writable directory.
func newPlace(t *testing.T, kind realserver.Kind, flags ...string) place {
	t.Helper()
	root := writableRoot(t)
	srv := realserver.Start(t, kind, realserver.Options{Root: root, Writable: true})
	p := place{kind: kind, url: srv.URL() + "w", disk: filepath.Join(root, "w"), staging: stagingDir(t), trace: filepath.Join(t.TempDir(), "trace")}
	p.mnt = mount(t, p.url, append([]string{"--staging-dir", p.staging, "--trace", p.trace}, flags...)...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("trace of %s:\n%s", kind, tail(p.trace))
		}
	})
	return p
}

// onServers runs a test with each server, several at once.
func onServers(t *testing.T, kinds []realserver.Kind, test func(t *testing.T, p place)) {
	t.Helper()
	needMounts(t)
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, newPlace(t, kind))
		})
	}
}

// python runs a program with the arguments after it.
func python(t *testing.T, program string, args ...string) string {
	t.Helper()
	return must(t, "/usr/bin/python3", append([]string{"-c", program}, args...)...)
}

// readFile reads a file that must be there.
func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// writeFile writes a file that others can read.
func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// names lists a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, e := range all {
		list = append(list, e.Name())
	}
	return list
}
