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

func mountDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mnt")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func isMounted(t *testing.T, dir string) bool {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(data), " "+dir+" ")
}

// What is wrong is one clear line and an exit code, and nothing is mounted.
func TestMountErrors(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t, ftptest.WithLogin("joe", "sesame"))
	srv.Mkdir("/dir")
	host := srv.Addr
	dir := mountDir(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		text string
	}{
		{"no server", []string{"ftp://127.0.0.1:1/", dir}, 3, "refuses the connection"},
		{"unknown host", []string{"ftp://no.such.host.invalid/", dir}, 3, "not known"},
		{"wrong password", []string{"ftp://joe:wrong@" + host + "/", dir}, 4, "login as joe"},
		{"anonymous refused", []string{"ftp://" + host + "/", dir}, 4, "wants a user"},
		{"no directory", []string{"ftp://joe:sesame@" + host + "/nowhere", dir}, 5, `"nowhere"`},
		{"no mountpoint", []string{"ftp://joe:sesame@" + host + "/", dir + "/no"}, 6, "does not exist"},
		{"mountpoint is a file", []string{"ftp://joe:sesame@" + host + "/", file}, 6, "not a directory"},
		{"no arguments", nil, 2, "needs a URL"},
		{"wrong scheme", []string{"http://host/", dir}, 2, "scheme"},
		{"TLS to a server without", []string{"ftpes://joe:sesame@" + host + "/", dir}, 9, "answered AUTH"},
		{"TLS from the first byte to a server without", []string{"ftps://joe:sesame@" + host + "/", dir}, 9, "try ftpes://"},
		{"TLS wanted and not", []string{"--tls=off", "ftps://" + host + "/", dir}, 2, "requires TLS"},
		{"wrong TLS mode", []string{"--tls=maybe", "ftp://" + host + "/", dir}, 2, "maybe"},
		{"wrong pin", []string{"--tls-pin=SHA256:abc", "ftp://" + host + "/", dir}, 2, "43 letters"},
		{"no authorities", []string{"--ca-file", file, "ftp://" + host + "/", dir}, 2, "no certificate"},
		{"wrong option", []string{"-o", "nonsense", "ftp://" + host + "/", dir}, 2, "nonsense"},
		{"wrong value", []string{"-o", "uid=x", "ftp://" + host + "/", dir}, 2, "uid"},
		{"wrong size", []string{"--cache-size", "lots", "ftp://" + host + "/", dir}, 2, "lots"},
		{"wrong charset", []string{"--charset", "klingon", "ftp://" + host + "/", dir}, 2, "klingon"},
		{"wrong zone", []string{"--timezone", "Mars/Olympus", "ftp://" + host + "/", dir}, 2, "Mars"},
		{"wrong conflict rule", []string{"--on-conflict", "panic", "ftp://" + host + "/", dir}, 2, "panic"},
		{"trace to a terminal that is left", []string{"--trace", "-", "ftp://" + host + "/", dir}, 2, "-f"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := try(t, ftpfs, append([]string{"mount"}, test.args...)...)
			if r.code != test.code || !strings.Contains(r.out, test.text) {
				t.Errorf("exit code %d, %q; want %d and %q", r.code, r.out, test.code, test.text)
			}
			if strings.Count(r.out, "\n") != 1 || !strings.HasPrefix(r.out, "ftpfs: ") {
				t.Errorf("not one line: %q", r.out)
			}
			if strings.Contains(r.out, "sesame") || strings.Contains(r.out, "wrong@") {
				t.Errorf("the password is shown: %q", r.out)
			}
			if isMounted(t, dir) {
				t.Error("something is mounted")
			}
		})
	}
}

// No place that others can see has the password.
func TestPasswordIsNotVisible(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t, ftptest.WithLogin("joe", "sesame"))
	srv.WriteFile("/f", []byte("x"), modTime)
	mnt := mount(t, srv.URL())
	pid := serving(mnt)
	if pid == 0 {
		t.Fatal("no process serves the mount")
	}
	for _, name := range []string{fmt.Sprintf("/proc/%d/cmdline", pid), fmt.Sprintf("/proc/%d/environ", pid), "/proc/self/mounts"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("sesame")) {
			t.Errorf("%s: %q", name, data)
		}
	}
	if out := must(t, "df", "-T", mnt); !strings.Contains(out, "fuse.ftpfs") || !strings.Contains(out, "ftp://joe@"+srv.Addr) {
		t.Errorf("df: %s", out)
	}
	// In the foreground it is the arguments themselves that are wiped.
	dir := mountDir(t)
	cmd := exec.Command(ftpfs, "mount", "-f", srv.URL(), dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if isMounted(t, dir) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", cmd.Process.Pid))
	if err != nil || bytes.Contains(data, []byte("sesame")) || !bytes.Contains(data, []byte("joe:******@")) {
		t.Errorf("%q, %v", data, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || isMounted(t, dir) {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// While a password is held there is no core dump, and no look into the memory
// for others. What shows that is the group of the files in /proc/PID: it is the
// process's own, and root's if the process is not dumpable.
func TestPasswordIsNotDumped(t *testing.T) {
	needMounts(t)
	anonymous, secret := ftptest.NewServer(t), ftptest.NewServer(t, ftptest.WithLogin("joe", "sesame"))
	for url, want := range map[string]uint32{anonymous.URL(): 65534, secret.URL(): 0} {
		dir := mountDir(t)
		must(t, "setpriv", "--regid=65534", "--clear-groups", ftpfs, "mount", url, dir)
		st, err := os.Stat(fmt.Sprintf("/proc/%d/environ", serving(dir)))
		must(t, ftpfs, "umount", dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := st.Sys().(*syscall.Stat_t).Gid; got != want {
			t.Errorf("%s: group %d, want %d", url, got, want)
		}
	}
}

func TestPasswordSources(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t, ftptest.WithLogin("joe", "sesame"))
	srv.WriteFile("/f", []byte("x"), modTime)
	file := filepath.Join(t.TempDir(), "password")
	netrc := filepath.Join(t.TempDir(), "netrc")
	if err := os.WriteFile(file, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(netrc, []byte("machine 127.0.0.1 login joe password sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	works := func(t *testing.T, url string, flags ...string) {
		t.Helper()
		if got := must(t, "cat", filepath.Join(mount(t, url, flags...), "f")); got != "x" {
			t.Errorf("%q", got)
		}
	}
	t.Run("file", func(t *testing.T) { works(t, "ftp://joe@"+srv.Addr+"/", "--password-file", file) })
	t.Run("option", func(t *testing.T) { works(t, "ftp://joe@"+srv.Addr+"/", "-o", "ro,password-file="+file) })
	t.Run("netrc", func(t *testing.T) { works(t, "ftp://"+srv.Addr+"/", "--netrc-file", netrc) })
	t.Run("netrc by variable", func(t *testing.T) {
		t.Setenv("NETRC", netrc)
		works(t, "ftp://joe@"+srv.Addr+"/")
	})
	t.Run("variable", func(t *testing.T) {
		t.Setenv("FTPFS_PASSWORD", "sesame")
		works(t, "ftp://joe@"+srv.Addr+"/")
	})
	t.Run("files that others can read", func(t *testing.T) {
		for _, name := range []string{file, netrc} {
			if err := os.Chmod(name, 0o640); err != nil {
				t.Fatal(err)
			}
		}
		for _, flag := range []string{"--password-file=" + file, "--netrc-file=" + netrc} {
			r := try(t, ftpfs, "mount", flag, "ftp://joe@"+srv.Addr+"/", mountDir(t))
			if r.code != 2 || !strings.Contains(r.out, "chmod 600") {
				t.Errorf("%s: %d: %s", flag, r.code, r.out)
			}
		}
	})
	t.Run("none", func(t *testing.T) {
		t.Setenv("NETRC", filepath.Join(t.TempDir(), "no"))
		r := try(t, ftpfs, "mount", "ftp://joe@"+srv.Addr+"/", mountDir(t))
		if r.code != 2 || !strings.Contains(r.out, "no password for joe") {
			t.Errorf("%d: %s", r.code, r.out)
		}
	})
}

// mount(8) calls mount.fuse.ftpfs for a line of /etc/fstab.
func TestFstab(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t)
	srv.WriteFile("/pub/f", []byte("x"), modTime)
	link := filepath.Join(t.TempDir(), "mount.fuse.ftpfs")
	if err := os.Symlink(ftpfs, link); err != nil {
		t.Fatal(err)
	}
	dir := mountDir(t)
	must(t, link, srv.URL()+"pub", dir, "-n", "-o", "rw,noauto,_netdev,x-systemd.automount,uid=1234,gid=2345,umask=027,list_ttl=5s")
	t.Cleanup(func() {
		if r := tryAfter(ftpfs, "umount", dir); r.code != 0 {
			t.Errorf("umount: %s", r.out)
		}
	})
	if got := must(t, "stat", "-c", "%u %g %a %F %s", filepath.Join(dir, "f")); got != "1234 2345 640 regular file 1\n" {
		t.Errorf("%q", got)
	}
	r := try(t, ftpfs, "mount", srv.URL(), dir)
	if r.code != 6 || !strings.Contains(r.out, "already") {
		t.Errorf("a second mount: %d, %s", r.code, r.out)
	}
}

func TestUmountErrors(t *testing.T) {
	needMounts(t)
	for dir, text := range map[string]string{t.TempDir(): "nothing is mounted", "/proc": "not a mount of ftpfs", "/no/such/dir": "no such file"} {
		if r := try(t, ftpfs, "umount", dir); r.code != 6 || !strings.Contains(r.out, text) {
			t.Errorf("%s: %d, %s", dir, r.code, r.out)
		}
	}
}

// Where nothing was written nothing is pending, and umount does not wait.
func TestNothingIsPending(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	for _, args := range [][]string{{"pending"}, {"pending", "--json"}} {
		if r := try(t, ftpfs, args...); r.code != 0 {
			t.Errorf("%q: %d, %s", args, r.code, r.out)
		}
	}
	if r := try(t, ftpfs, "pending", "--staging-dir", "/no/such/dir"); r.code != 2 || !strings.Contains(r.out, "/no/such/dir") {
		t.Errorf("%d, %s", r.code, r.out)
	}
	needMounts(t)
	dir := mountDir(t)
	must(t, ftpfs, "mount", ftptest.NewServer(t).URL(), dir)
	if out := must(t, ftpfs, "umount", "--no-wait", dir); out != "" {
		t.Error(out)
	}
	for range 100 {
		if serving(dir) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("the process goes on")
}

func TestTraceMasksSecrets(t *testing.T) {
	needMounts(t)
	srv := ftptest.NewServer(t, ftptest.WithLogin("joe", "sesame"))
	srv.WriteFile("/f", []byte("x"), modTime)
	trace := filepath.Join(t.TempDir(), "trace")
	mnt := mount(t, srv.URL(), "--trace", trace)
	must(t, "cat", filepath.Join(mnt, "f"))
	var data []byte
	for range 100 { // the end of the transfer is waited for by nobody
		var err error
		if data, err = os.ReadFile(trace); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("bytes received")) && bytes.Contains(data, []byte("RETR: ")) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, want := range []string{"#1 > USER joe", "#1 > PASS ****", "#1 < 230 ", "#1 = data connection to 127.0.0.1:", " > RETR /f", "RETR: 1 bytes received"} {
		if !bytes.Contains(data, []byte(want)) {
			t.Errorf("the trace lacks %q:\n%s", want, data)
		}
	}
	if bytes.Contains(data, []byte("sesame")) {
		t.Error("the trace has the password")
	}
}

func TestDemo(t *testing.T) {
	needMounts(t)
	r := try(t, ftpfs, "demo", "--once")
	for _, want := range []string{"> USER anonymous", "$ ls -l", "Grüße", "$ cat", "RETR /readme.txt"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("the demo lacks %q:\n%s", want, r.out)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "ftpfs-demo-*")); r.code != 0 || len(left) > 0 {
		t.Errorf("exit code %d, left: %q", r.code, left)
	}
}

func TestShell(t *testing.T) {
	srv := ftptest.NewServer(t)
	srv.WriteFile("/test.txt", []byte(testText), modTime)
	stored := filepath.Join(t.TempDir(), "stored")
	session := "USER ftp\nPASS secret\n\nTYPE I\nPASV\nLIST\nPASV\nRETR test.txt\nEPSV\nRETR test.txt > " + stored + "\nhelp PASV\nQUIT\n"
	cmd := exec.Command(ftpfs, "shell", srv.URL())
	cmd.Stdin = strings.NewReader(session)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"> USER ftp\n< 331 ", "> PASS ****\n< 230 ", "·256 + ", "= data connection to 127.0.0.1:", testText + "\n= end of data: 85 bytes", "> QUIT\n< 221 ", "PASV: the server opens a port"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the session lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "secret") {
		t.Error("the password is shown")
	}
	if data, err := os.ReadFile(stored); err != nil || string(data) != testText {
		t.Errorf("stored: %q, %v", data, err)
	}
	// It sends nothing of its own.
	typed := []string{"USER", "PASS", "TYPE", "PASV", "LIST", "PASV", "RETR", "EPSV", "RETR", "QUIT"}
	var sent []string
	for _, c := range srv.Recorded() {
		sent = append(sent, c.Verb)
	}
	if strings.Join(sent, " ") != strings.Join(typed, " ") {
		t.Errorf("sent %q, typed %q", sent, typed)
	}
	if r := try(t, ftpfs, "shell", "ftp://127.0.0.1:1/"); r.code != 3 || !strings.Contains(r.out, "refused") {
		t.Errorf("no server: %d, %s", r.code, r.out)
	}
}

func TestVersionAndHelp(t *testing.T) {
	if r := try(t, ftpfs, "version"); r.code != 0 || !strings.HasPrefix(r.out, "ftpfs ") {
		t.Errorf("%s", r.out)
	}
	for _, args := range [][]string{{"help"}, {"mount", "--help"}, {"help", "exit-codes"}, {"completion", "bash"}} {
		if r := try(t, ftpfs, args...); r.code != 0 || len(r.out) < 100 {
			t.Errorf("%q: %d, %s", args, r.code, r.out)
		}
	}
	if r := try(t, ftpfs, "nonsense"); r.code != 2 || !strings.Contains(r.out, "nonsense") {
		t.Errorf("%d, %s", r.code, r.out)
	}
}
