package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ftpfs/ftpconn/ftptest"
)

var modTime = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

// asked runs a script on the mount and returns what the server was asked
// meanwhile, less the upkeep of data connections.
func asked(t *testing.T, log *ftptest.Log, script string, args ...string) []string {
	t.Helper()
	time.Sleep(50 * time.Millisecond) // what was begun before comes to its end
	log.ResetCommands()
	sh(t, script, args...)
	var commands []string
	for _, c := range log.Commands() {
		if !strings.Contains(c, "EPSV") && !strings.Contains(c, "NOOP") {
			commands = append(commands, c)
		}
	}
	return commands
}

func TestSecondLookAsksNothing(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t)
	for i := range 100 {
		srv.WriteFile(fmt.Sprintf("/dir/f%d", i), noise(100), modTime)
	}
	srv.WriteFile("/big", noise(3<<20), modTime)
	mnt := mount(t, srv.URL())
	const look = `ls -l "$1/dir" >/dev/null; find "$1/dir" -size +1k >/dev/null; du -s "$1/dir" >/dev/null; stat "$1/dir/f7" >/dev/null; [ ! -e "$1/dir/nothing" ]`
	sh(t, look, mnt)
	if got := asked(t, srv.Log, look, mnt); len(got) != 0 {
		t.Errorf("a second ls, find, du and stat asked: %q", got)
	}
	sh(t, `md5sum "$1/big" "$1/dir/f3" >/dev/null`, mnt)
	if got := asked(t, srv.Log, `md5sum "$1/big" "$1/dir/f3" >/dev/null`, mnt); len(got) != 0 {
		t.Errorf("a second read asked: %q", got)
	}
}

func TestOneListingForManyFiles(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t)
	for i := range 10_000 {
		srv.WriteFile(fmt.Sprintf("/dir/f%d", i), nil, modTime)
	}
	mnt := mount(t, srv.URL())
	if got := asked(t, srv.Log, `[ $(ls -l "$1/dir" | wc -l) = 10001 ] && [ $(find "$1/dir" -type f | wc -l) = 10000 ]`, mnt); len(got) != 1 {
		t.Errorf("ls -l and find asked: %q", got)
	}
}

func TestPartOfALargeFile(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t)
	data := noise(64 << 20)
	srv.WriteFile("/big", data, modTime)
	mnt := mount(t, srv.URL())
	sh(t, `dd if="$1/big" bs=4096 skip=1000 count=1 status=none >/dev/null`, mnt) // REST is proven
	got := asked(t, srv.Log, `dd if="$1/big" bs=4096 skip=12000 count=1 status=none | wc -c`, mnt)
	if len(got) != 2 || !strings.Contains(got[0], "REST") || !strings.Contains(got[1], "RETR") {
		t.Errorf("asked: %q", got)
	}
}

func TestChangedFileIsReadAgain(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t)
	srv.WriteFile("/f", []byte("old content"), modTime)
	mnt := mount(t, srv.URL(), "--list-ttl", "200ms")
	if got := must(t, "cat", filepath.Join(mnt, "f")); got != "old content" {
		t.Fatalf("%q", got)
	}
	srv.WriteFile("/f", []byte("new content"), modTime.Add(time.Minute))
	srv.WriteFile("/new", nil, modTime)
	for range 100 {
		if got := must(t, "cat", filepath.Join(mnt, "f")); got == "new content" {
			if got := must(t, "ls", mnt); got != "f\nnew\n" {
				t.Errorf("ls: %q", got)
			}
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("the change was not seen")
}

// A listing that fails is an error, and never an empty directory: rsync
// --delete must not delete what it copied before.
func TestFailedListingDeletesNothing(t *testing.T) {
	needMounts(t)
	for name, bend := range map[string]func(*ftptest.Script){
		"550": func(s *ftptest.Script) {
			s.Reply("MLSD", "550 Disk error.\r\n")
			s.Reply("LIST", "550 Disk error.\r\n")
		},
		"cut in middle": func(s *ftptest.Script) { s.Plan("MLSD", ftptest.Plan{Limit: 30, Final: "426 Failure.\r\n"}) },
		"nothing comes": func(s *ftptest.Script) { s.Plan("MLSD", ftptest.Plan{CutAtOnce: true, Final: "451 Failure.\r\n"}) },
	} {
		t.Run(name, func(t *testing.T) {
			srv := ftptest.NewScript(t)
			for i := range 10 {
				srv.WriteFile(fmt.Sprintf("/dir/f%d", i), noise(100), modTime)
			}
			mnt := mount(t, srv.URL(), "--list-ttl", "100ms", "--timeout", "2s")
			copied := filepath.Join(t.TempDir(), "copy")
			sh(t, `rsync -a --delete "$1/dir/" "$2"`, mnt, copied)
			bend(srv)
			time.Sleep(1200 * time.Millisecond) // what the kernel keeps
			r := try(t, "rsync", "-a", "--delete", filepath.Join(mnt, "dir")+"/", copied)
			if r.code == 0 {
				t.Errorf("rsync saw no error: %s", r.out)
			}
			if got := must(t, "ls", copied); strings.Count(got, "\n") != 10 {
				t.Errorf("what is left of the copy: %q", got)
			}
			if r := try(t, "ls", filepath.Join(mnt, "dir")); r.code == 0 || strings.Contains(r.out, "No such file") {
				t.Errorf("ls: %d, %s", r.code, r.out)
			}
		})
	}
}

// A transfer that breaks is resumed, and no reader notices.
func TestBrokenTransferIsResumed(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewScript(t)
	data := noise(3 << 20)
	srv.WriteFile("/f", data, modTime)
	mnt := mount(t, srv.URL())
	for _, plan := range []ftptest.Plan{
		{Limit: 1 << 20, Final: "426 Failure.\r\n"},
		{Limit: 1 << 20, Reset: true, Final: "426 Failure.\r\n"},
		{Limit: 1 << 20},
	} {
		srv.Plan("RETR", plan)
		got := must(t, "cat", filepath.Join(mnt, "f"))
		if !bytes.Equal([]byte(got), data) {
			t.Errorf("%+v: %d bytes of %d", plan, len(got), len(data))
		}
		srv.Plan("RETR", ftptest.Plan{})
		modTime := modTime.Add(time.Hour)
		srv.WriteFile("/f", data, modTime)
	}
}

// Ctrl-C and kill work on a reader whose server is silent.
func TestInterruptedReader(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewScript(t)
	srv.WriteFile("/f", noise(1<<20), modTime)
	mnt := mount(t, srv.URL())
	sh(t, `ls "$1" >/dev/null`, mnt)
	srv.Plan("RETR", ftptest.Plan{Stall: 1000})
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		cmd := exec.Command("cat", filepath.Join(mnt, "f"))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("%v: cat ended well", signal)
			}
		case <-time.After(15 * time.Second): // the timeout of the mount is twice that
			t.Errorf("%v: cat does not end", signal)
			_ = cmd.Process.Kill()
		}
	}
}

// A server that is away makes calls fail, and they work again when it is back.
func TestServerAwayAndBack(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t)
	srv.WriteFile("/dir/f", []byte("content"), modTime)
	srv.WriteFile("/dir/g", []byte("content"), modTime)
	mnt := mount(t, srv.URL(), "--list-ttl", "100ms", "--timeout", "2s")
	sh(t, `cat "$1/dir/f" >/dev/null`, mnt)
	srv.SetMaxConnections(-1)
	srv.CloseConnections()
	time.Sleep(1200 * time.Millisecond)
	srv.SetMaxConnections(0)
	if r := try(t, "cat", filepath.Join(mnt, "dir/g")); r.code != 0 {
		t.Errorf("cat: %s", r.out)
	}
}

func TestBusyMount(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t)
	srv.WriteFile("/f", []byte("content"), modTime)
	mnt := mount(t, srv.URL())
	f, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	cmd := exec.Command("sleep", "100")
	cmd.Dir = mnt
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := try(t, ftpfs, "umount", mnt)
	if r.code != 8 || !strings.Contains(r.out, "in use") {
		t.Errorf("umount of a busy mount: %d, %s", r.code, r.out)
	}
	if got := must(t, "cat", filepath.Join(mnt, "f")); got != "content" {
		t.Errorf("%q", got)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}
