package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// outcome is how a program ended that ran while a fault struck. That it showed
// something wrong is none: it fails the test.
type outcome string

const (
	right     outcome = "right"
	failed    outcome = "error"
	untouched outcome = "untouched" // the fault did not strike
)

// operation is a program, and the oracle that judges what it shows.
type operation struct {
	name  string
	verbs []string // of the commands that it causes
	run   func(t *testing.T, root, mnt string) outcome
}

var listingVerbs = []string{"LIST", "MLSD"}

var operations = []operation{
	{"ls", listingVerbs, func(t *testing.T, root, mnt string) outcome {
		want := must(t, "ls", filepath.Join(root, "dir"))
		return judge(t, try(t, "ls", filepath.Join(mnt, "dir")), want)
	}},
	{"find", append([]string{"STAT"}, listingVerbs...), func(t *testing.T, root, mnt string) outcome {
		// The attributes are part of the oracle: a size of 0 would be a lie.
		const script = `set -o pipefail; cd "$1" && find tree -printf "%y %p " \( -type f -printf "%s %Ts" -o -true \) -printf "\n" | sort`
		want := must(t, "bash", "-c", script, "sh", root)
		return judge(t, try(t, "bash", "-c", script, "sh", mnt), want)
	}},
	{"cat", []string{"RETR"}, func(t *testing.T, root, mnt string) outcome {
		file := filepath.Join(t.TempDir(), "out")
		r := try(t, "bash", "-c", `cat "$1/medium" >"$2"`, "sh", mnt, file)
		return judgeFile(t, r, filepath.Join(root, "medium"), file)
	}},
	{"cp -r", []string{"RETR"}, func(t *testing.T, root, mnt string) outcome {
		to := filepath.Join(t.TempDir(), "copy")
		r := try(t, "cp", "-r", filepath.Join(mnt, "copy"), to)
		names, err := os.ReadDir(filepath.Join(root, "copy"))
		if err != nil {
			t.Fatal(err)
		}
		got := failed
		if r.code == 0 {
			got = right
		}
		for _, n := range names {
			copied := filepath.Join(to, n.Name())
			if _, err := os.Stat(copied); err != nil && r.code != 0 {
				continue
			}
			judgeFile(t, r, filepath.Join(root, "copy", n.Name()), copied)
		}
		return got
	}},
	{"random reads", []string{"RETR"}, func(t *testing.T, root, mnt string) outcome {
		got := right
		for _, skip := range []string{"700", "3", "401", "767"} {
			file := filepath.Join(t.TempDir(), "piece")
			want := filepath.Join(t.TempDir(), "want")
			must(t, "bash", "-c", `dd if="$1/big" of="$2" bs=4096 skip="$3" count=1 status=none`, "sh", root, want, skip)
			r := try(t, "bash", "-c", `dd if="$1/big" of="$2" bs=4096 skip="$3" count=1 status=none`, "sh", mnt, file, skip)
			if judgeFile(t, r, want, file) != right {
				got = failed
			}
		}
		return got
	}},
}

// judge compares what a program showed with what is right: if it did not
// complain, that must be the same.
func judge(t *testing.T, r result, want string) outcome {
	t.Helper()
	switch {
	case strings.Contains(r.out, "No such file"):
		t.Errorf("a failure was taken for absence: %s", r.out)
	case r.code == 0 && r.out != want:
		t.Errorf("no error, but wrong:\n%s\nwant:\n%s", r.out, want)
	case r.code == 0:
		return right
	}
	return failed
}

// judgeFile compares a copy with the original: complete if the program did not
// complain, and otherwise a begin of it.
func judgeFile(t *testing.T, r result, original, copied string) outcome {
	t.Helper()
	if strings.Contains(r.out, "No such file") {
		t.Errorf("a failure was taken for absence: %s", r.out)
	}
	want, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(copied)
	switch {
	case err != nil && r.code != 0:
	case err != nil:
		t.Error(err)
	case !bytes.HasPrefix(want, got):
		t.Errorf("%s: wrong bytes", original)
	case r.code == 0 && len(got) != len(want):
		t.Errorf("%s: no error, but %d bytes of %d", original, len(got), len(want))
	case r.code == 0:
		return right
	}
	return failed
}
