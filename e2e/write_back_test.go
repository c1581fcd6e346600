package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ftpfs/ftpconn/ftptest"
)

// TestWriteBack: close does not wait for the server, fsync and umount do.
func TestWriteBack(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewScript(t)
	staging, dir := stagingDir(t), mountDir(t)
	must(t, ftpfs, "mount", "--write-back", "--staging-dir", staging, srv.URL(), dir)
	srv.Plan("STOR", ftptest.Plan{Final: "451 Not now.\r\n"})
	sh(t, `cd "$1"; for i in $(seq 20); do seq $i >f$i; done; mkdir d; cp f1 d/g; mv f2 h; rm f3; cat h f4; echo more >>f5; ls`, dir)
	list := pending(staging)
	for _, name := range []string{"f1", "d/g", "h", "f5", "f20"} {
		if !strings.Contains(list, name) {
			t.Errorf("pending lacks %s: %s", name, list)
		}
	}
	if strings.Contains(list, "f3\n") {
		t.Errorf("pending has what was removed: %s", list)
	}
	srv.Plan("STOR", ftptest.Plan{})
	python(t, told+`fd = os.open("synced", os.O_WRONLY | os.O_CREAT, 0o644); os.write(fd, b"text"); os.fsync(fd)`, dir)
	if got, err := srv.ReadFile("/synced"); err != nil || string(got) != "text" {
		t.Errorf("after fsync: %q, %v", got, err)
	}
	must(t, ftpfs, "umount", dir)
	if list := pending(staging); list != "" {
		t.Errorf("pending after umount: %s", list)
	}
	for name, want := range map[string]string{"/f1": "1\n", "/d/g": "1\n", "/h": "1\n2\n", "/f5": "1\n2\n3\n4\n5\nmore\n", "/synced": "text"} {
		if got, err := srv.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"/f2", "/f3"} {
		if _, err := srv.ReadFile(name); err == nil {
			t.Errorf("%s is on the server", name)
		}
	}
}

// TestPending: what the server does not take stays on this machine, through
// kill -9 too, and comes to the server when it takes it again.
func TestPending(t *testing.T) {
	needMounts(t)
	for _, how := range []string{"retried", "umount", "SIGTERM", "killed"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			srv := ftptest.NewScript(t)
			srv.WriteFile("/file", []byte("what was there before"), modTime)
			staging, dir := stagingDir(t), mountDir(t)
			args := []string{"mount", "--staging-dir", staging, srv.URL(), dir}
			must(t, ftpfs, args...)
			pid := serving(dir)
			srv.Plan("STOR", ftptest.Plan{Final: "452 No room.\r\n"})
			if r := try(t, "bash", "-c", `printf BE | dd of="$1/file" bs=1 seek=5 conv=notrunc status=none`, "sh", dir); r.code == 0 || !strings.Contains(r.out, "No space left") {
				t.Errorf("exit code %d: %s", r.code, r.out)
			}
			list := ""
			for range 100 { // it is noted when close has told the error
				if list = pending(staging); list != "" {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			if !strings.Contains(list, "file") || !strings.Contains(list, "No room") {
				t.Errorf("pending: %q", list)
			}
			if got := sh(t, `cat "$1/file"`, dir); got != "what BEs there before" {
				t.Errorf("in the mount: %q", got)
			}
			if how == "killed" {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				must(t, "umount", "-l", dir)
				if list := pending(staging); !strings.Contains(list, "file") {
					t.Errorf("pending after the kill: %q", list)
				}
			}
			if got, err := srv.ReadFile("/file"); err != nil || string(got) != "what was there before" {
				t.Errorf("on the server: %q, %v", got, err)
			}
			srv.Plan("STOR", ftptest.Plan{})
			switch how {
			case "umount":
				must(t, ftpfs, "umount", dir)
			case "SIGTERM":
				if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				for range 1200 {
					if !isMounted(t, dir) && serving(dir) == 0 {
						break
					}
					time.Sleep(50 * time.Millisecond)
				}
			case "killed":
				must(t, ftpfs, args...)
				settled(t, staging)
				must(t, ftpfs, "umount", dir)
			default:
				settled(t, staging)
				must(t, ftpfs, "umount", dir)
			}
			if list := pending(staging); list != "" {
				t.Errorf("pending: %q", list)
			}
			if got, err := srv.ReadFile("/file"); err != nil || string(got) != "what BEs there before" {
				t.Errorf("on the server: %q, %v", got, err)
			}
		})
	}
}

// TestLostAndFound: what the server refuses for good is kept on this machine,
// with the reason.
func TestLostAndFound(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewScript(t)
	srv.WriteFile("/file", []byte("what was there before"), modTime)
	staging := filepath.Join(t.TempDir(), "staging")
	dir := mount(t, srv.URL(), "--staging-dir", staging)
	srv.Reply("STOR", "553 This name is never allowed.\r\n")
	if r := try(t, "bash", "-c", `printf OURS | dd of="$1/file" bs=1 seek=5 conv=notrunc status=none`, "sh", dir); r.code == 0 {
		t.Errorf("it was taken for success: %s", r.out)
	}
	var kept string
	for range 300 {
		kept = try(t, "grep", "-rlx", "what OURSthere before", staging).out
		if strings.Contains(kept, "lost+found") {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if !strings.Contains(kept, "lost+found") {
		t.Errorf("kept as %q", kept)
	}
	if list := pending(staging); !strings.Contains(list, "file") || !strings.Contains(list, "never allowed") {
		t.Errorf("pending: %q", list)
	}
	if got, err := srv.ReadFile("/file"); err != nil || string(got) != "what was there before" {
		t.Errorf("on the server: %q, %v", got, err)
	}
}

// TestAppendSendsTheEnd: lines for a large file cost those lines.
func TestAppendSendsTheEnd(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t)
	large := bytes.Repeat([]byte("0123456789abcde\n"), 1<<20)
	srv.WriteFile("/log", large, modTime)
	mnt := mount(t, srv.URL(), "--staging-dir", stagingDir(t))
	sh(t, `ls -l "$1" >/dev/null`, mnt)
	got := asked(t, srv.Log, `echo one >>"$1/log"; echo two >>"$1/log"; printf "%s\n" three four >>"$1/log"`, mnt)
	appended := 0
	for _, command := range got {
		if strings.Contains(command, " STOR ") || strings.Contains(command, " RETR ") {
			t.Errorf("the server was told %q", command)
		}
		if strings.HasSuffix(command, " APPE /log") {
			appended++
		}
	}
	if appended != 3 {
		t.Errorf("%d times APPE: %q", appended, got)
	}
	data, err := srv.ReadFile("/log")
	if err != nil || string(data) != string(large)+"one\ntwo\nthree\nfour\n" {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

// TestChangesCostNoListing: what the mount has done, it knows.
func TestChangesCostNoListing(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t)
	for i := range 10 {
		srv.WriteFile(fmt.Sprintf("/dir/f%d", i), noise(100), modTime)
	}
	mnt := mount(t, srv.URL(), "--staging-dir", stagingDir(t))
	sh(t, `ls -lR "$1" >/dev/null`, mnt)
	got := asked(t, srv.Log, `cd "$1"; mkdir new; cp dir/f1 dir/f2 new; mkdir new/sub; echo x >new/sub/x; mv new/f1 new/sub; ls -lR >/dev/null; cat new/sub/x new/sub/f1 >/dev/null
		cp -r new other; mv other third; rm -r new third; rm dir/f3; ls -lR >/dev/null; [ ! -e new/f1 ]`, mnt)
	for _, command := range got {
		for _, verb := range []string{" LIST", " MLSD", " NLST", " STAT"} {
			if strings.Contains(command, verb) {
				t.Errorf("the server was asked %q: %q", command, got)
			}
		}
	}
	// One command each where one is enough.
	for script, want := range map[string]string{
		`mkdir "$1/dir/d"`:           "MKD",
		`rm "$1/dir/f4"`:             "DELE",
		`mv "$1/dir/f5" "$1/dir/f0"`: "RNFR RNTO",
	} {
		verbs := []string{}
		for _, command := range asked(t, srv.Log, script, mnt) {
			verbs = append(verbs, strings.Fields(command)[1])
		}
		if strings.Join(verbs, " ") != want {
			t.Errorf("%s: %q", script, verbs)
		}
	}
	if info, err := os.Stat(filepath.Join(mnt, "dir/d")); err != nil || !info.IsDir() {
		t.Errorf("dir/d: %v, %v", info, err)
	}
}
