package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ftpfs/ftpconn/ftptest/realserver"
)

// TestConflicts: a file that changed on the server while it was open here is
// not overwritten, unless that is wanted, and nothing is lost.
func TestConflicts(t *testing.T) {
	needMounts(t)
	for _, kind := range []realserver.Kind{realserver.VSFTPD, realserver.ProFTPD, realserver.PyFTPDLib} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			root := writableRoot(t)
			srv := realserver.Start(t, kind, realserver.Options{Root: root, Writable: true})
			for _, policy := range []string{"", "fail", "keep-both", "overwrite"} {
				t.Run("policy "+policy, func(t *testing.T) {
					c := conflict{policy: policy, log: filepath.Join(t.TempDir(), "log"), disk: filepath.Join(root, "w", "policy-"+policy)}
					sh(t, `mkdir -m 777 "$1"; for n in f trunc sync removed renamed closed; do echo "what was there" >"$1/$n"; chmod 666 "$1/$n"; done; touch -d @1500000000 "$1"/*`, c.disk)
					c.staging = filepath.Join(t.TempDir(), "staging")
					flags := []string{"--staging-dir", c.staging, "--log-file", c.log}
					if policy != "" {
						flags = append(flags, "--on-conflict="+policy)
					}
					c.mnt = mount(t, srv.URL()+"w/policy-"+policy, flags...)
					c.run(t)
				})
			}
		})
	}
}

type conflict struct{ policy, log, disk, mnt, staging string }

const theirs = "what the other wrote, which is longer\n"

// theyWrite changes a file behind the mount's back.
func (c conflict) theyWrite(t *testing.T, name string) {
	t.Helper()
	writeFile(t, filepath.Join(c.disk, name), theirs)
	when := time.Unix(1600000000, 0)
	if err := os.Chtimes(filepath.Join(c.disk, name), when, when); err != nil {
		t.Fatal(err)
	}
}

// A held file keeps other tests from starting programs until it is closed. A
// program has copies of all open files for a moment, closes them, and would be
// told of the conflict before we are.
type held struct {
	*os.File
	free func()
}

func (h held) Close() error {
	defer h.free()
	return h.File.Close()
}

func (c conflict) open(t *testing.T, name string, flag int) held {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(c.mnt, name), os.O_RDWR|flag, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.ForkLock.RLock()
	h := held{File: f, free: sync.OnceFunc(syscall.ForkLock.RUnlock)}
	t.Cleanup(h.free)
	return h
}

func (c conflict) run(t *testing.T) {
	write := func(f held, text string, off int64) {
		t.Helper()
		if _, err := f.WriteAt([]byte(text), off); err != nil {
			t.Fatal(err)
		}
	}
	// What was read before is still known.
	sh(t, `cat "$1"/* >/dev/null`, c.mnt)

	// In the middle, before and after their change.
	f := c.open(t, "f", 0)
	write(f, "WHAT", 0)
	c.theyWrite(t, "f")
	write(f, "WAS", 5)
	c.check(t, "f", "WHAT WAS there\n", f.Close())

	// All of it.
	f = c.open(t, "trunc", os.O_TRUNC)
	c.theyWrite(t, "trunc")
	write(f, "all new", 0)
	c.check(t, "trunc", "all new", f.Close())

	// By fsync. That it was told is enough: close may tell it again, or not.
	f = c.open(t, "sync", 0)
	write(f, "ours", 0)
	c.theyWrite(t, "sync")
	err := f.Sync()
	if closed := f.Close(); closed != nil && !errors.Is(closed, syscall.ESTALE) {
		t.Errorf("close: %v", closed)
	}
	c.check(t, "sync", "ours was there\n", err)

	// Under another name.
	f = c.open(t, "renamed", 0)
	write(f, "ours", 0)
	if err := os.Rename(filepath.Join(c.mnt, "renamed"), filepath.Join(c.mnt, "name")); err != nil {
		t.Fatal(err)
	}
	c.theyWrite(t, "name")
	c.check(t, "name", "ours was there\n", f.Close())

	// What changed when nobody had it open is no conflict: the next open sees it.
	if err := os.WriteFile(filepath.Join(c.mnt, "closed"), []byte("ours"), 0o644); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(c.mnt, "closed"), []byte("ours again"), 0o644); err != nil {
		t.Errorf("our own change is a conflict: %v", err)
	}
	sh(t, `echo more >>"$1"; echo "and more" >>"$1"; printf X | dd of="$1" bs=1 seek=2 conv=notrunc status=none; touch -d @1400000000 "$1"; echo end >>"$1"`, filepath.Join(c.mnt, "closed"))
	if got := readFile(t, filepath.Join(c.disk, "closed")); got != "ouXs againmore\nand more\nend\n" {
		t.Errorf("%q", got)
	}
	if r := try(t, "bash", "-c", `ls "$1"/closed?*`, "sh", c.disk); r.code == 0 {
		t.Errorf("beside what is no conflict: %s", r.out)
	}

	// A file that was removed can not lose what is written to it: it is there
	// again, or, where the rest of it can not be had, in lost+found.
	f = c.open(t, "removed", 0)
	write(f, "ours", 0)
	if err := os.Remove(filepath.Join(c.disk, "removed")); err != nil {
		t.Fatal(err)
	}
	err = f.Close()
	if data, errRead := os.ReadFile(filepath.Join(c.disk, "removed")); err == nil && string(data) != "ours was there\n" {
		t.Errorf("close of what was removed: nil, and there is %q, %v", data, errRead)
	} else if err != nil {
		for range 100 {
			if strings.Contains(pending(c.staging), "removed") {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if list := pending(c.staging); !strings.Contains(list, "removed") {
			t.Errorf("close of what was removed: %v; pending: %s", err, list)
		}
	}

	// What was never read can not be had any more. Whatever becomes of it, what
	// is kept is no mix of two versions.
	f = c.blind(t)
	write(f, "OURS", 5)
	c.theyWrite(t, "blind")
	err = f.Close()
	if got := readFile(t, filepath.Join(c.disk, "blind")); c.policy != "overwrite" && (got != theirs || c.policy != "keep-both" && !errors.Is(err, syscall.ESTALE)) {
		t.Errorf("blind: %v, %q", err, got)
	}
	if r := try(t, "grep", "-rl", "OURSother", c.disk); c.policy != "overwrite" && r.out != "" {
		t.Errorf("a mix of two versions: %s: %q", r.out, must(t, "cat", strings.TrimSpace(r.out)))
	}
}

// blind opens a file that nobody has read.
func (c conflict) blind(t *testing.T) held {
	t.Helper()
	name := filepath.Join(c.mnt, "blind")
	writeFile(t, name, "what was there\n")
	sh(t, `chmod 666 "$1"; touch -d @1500000000 "$1"`, filepath.Join(c.disk, "blind"))
	return c.open(t, "blind", 0)
}

// check is for what is on the server after a conflict, and what the writer got.
// Where parts were written, the rest may be impossible to have: then the parts
// are in lost+found on this machine.
func (c conflict) check(t *testing.T, name, ours string, err error) {
	t.Helper()
	fails := c.policy == "" || c.policy == "fail"
	onServer := readFile(t, filepath.Join(c.disk, name))
	if c.policy == "overwrite" {
		if err != nil || onServer != ours && onServer != c.patched(name) {
			t.Errorf("%s: %v, %q, want %q or %q", name, err, onServer, ours, c.patched(name))
		}
		return
	}
	if onServer != theirs {
		t.Errorf("%s: on the server: %q, want %q", name, onServer, theirs)
	}
	kept, errGlob := filepath.Glob(filepath.Join(c.disk, name+"*conflict*"))
	if errGlob != nil || len(kept) > 1 {
		t.Errorf("kept beside %s: %q, %v", name, kept, errGlob)
	}
	lost := len(kept) == 0 && name != "trunc"
	if (fails || lost) != errors.Is(err, syscall.ESTALE) || err != nil && !errors.Is(err, syscall.ESTALE) {
		t.Errorf("%s: %v, lost: %v", name, err, lost)
	}
	if lost {
		found := ""
		for range 100 { // it is put there when close has told the error
			if found = try(t, "grep", "-rl", ours[:3], c.staging).out; strings.Contains(found, "lost+found") {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if !strings.Contains(found, "lost+found") || !strings.Contains(pending(c.staging), name) {
			t.Errorf("%s: what was written is neither beside nor in lost+found: %q, %s", name, found, pending(c.staging))
		}
		return
	}
	if len(kept) == 0 {
		t.Errorf("%s: what was written is not beside it", name)
		return
	}
	for _, file := range []string{kept[0], filepath.Join(c.mnt, filepath.Base(kept[0]))} {
		if got := readFile(t, file); got != ours {
			t.Errorf("%s: %q, want %q", file, got, ours)
		}
	}
	if !slices.Contains(names(t, c.mnt), filepath.Base(kept[0])) {
		t.Errorf("%s is not seen in the mount: %q", kept[0], names(t, c.mnt))
	}
	if log := readFile(t, c.log); !strings.Contains(log, filepath.Base(kept[0])) {
		t.Errorf("the log does not tell of the conflict over %s: %s", name, log)
	}
}

// patched is what the other wrote with what was written to a file here.
func (c conflict) patched(name string) string {
	text := []byte(theirs)
	switch name {
	case "f":
		copy(text, "WHAT")
		copy(text[5:], "WAS")
	case "sync", "name":
		copy(text, "ours")
	}
	return string(text)
}
