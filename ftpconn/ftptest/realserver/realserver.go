// Package realserver runs FTP servers that people use, for tests: vsftpd,
// ProFTPD, Pure-FTPd and pyftpdlib, from Debian's packages.
//
// The packages conflict with one another, so they are not installed but
// unpacked into a cache directory ($FTPFS_SERVERS, or ftpfs/servers below the
// user's cache directory) and run from there, on loopback, at a port of the
// kernel's choice. They need root: the servers want to change their user.
//
// A Server is safe for concurrent use except for Stop and Restart.
package realserver

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"ftpfs/ftpconn/ftptest"
)

// Kind is one of the server programs.
type Kind string

// The server programs.
const (
	VSFTPD    Kind = "vsftpd"
	ProFTPD   Kind = "ProFTPD"
	PureFTPd  Kind = "Pure-FTPd"
	PyFTPDLib Kind = "pyftpdlib"
)

// All are the kinds there are.
var All = []Kind{VSFTPD, ProFTPD, PureFTPd, PyFTPDLib}

// TB is the part of testing.TB that is needed.
type TB interface {
	Helper()
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Failed() bool
	Cleanup(func())
	TempDir() string
}

// Options says how a server is set up.
type Options struct {
	Root         string // the directory that it shows, readable by all
	MaxPerClient int    // control connections; 0 is no limit

	// QuickLogin makes the check of passwords cheap. Pure-FTPd's usual one
	// takes seconds of CPU.
	QuickLogin bool

	// TLS makes the server offer AUTH TLS and demand it of those who log in,
	// also for data connections.
	TLS bool

	// Writable lets the user change everything that the rights of Root and of
	// what is below allow; tests give them by chmod, since the servers' users
	// differ. ProFTPD gets its modules for SITE SYMLINK, SITE UTIME and SITE
	// CPFR as well.
	Writable bool

	// Namespace is a network namespace, below /run/netns, in which the server
	// runs, at port 2121 of the address Host; "" is our own, on loopback.
	Namespace, Host string
}

// Server is a running server.
type Server struct {
	Kind     Kind
	Host     string
	Port     int
	User     string
	Password string
	Dir      string // where clients find Options.Root: "/", but for a writable vsftpd

	// TLS is a client's configuration that trusts the server, and CAFile has
	// its certificate. Without Options.TLS they are empty.
	TLS     *tls.Config
	CAFile  string
	keyFile string

	t       TB
	args    []string
	inside  []string // what runs a command in the server's namespace
	env     []string
	dir     string // for its configuration
	mu      sync.Mutex
	cmd     *exec.Cmd
	waited  chan struct{}
	output  bytes.Buffer
	outLock sync.Mutex
}

// Start starts a server that ends with the test. If the program can not be
// had, the test is skipped, or fails if FTPFS_REQUIRE_SERVERS is set.
func Start(t TB, kind Kind, o Options) *Server {
	t.Helper()
	unavailable := t.Skipf
	if os.Getenv("FTPFS_REQUIRE_SERVERS") != "" {
		unavailable = t.Fatalf
	}
	if os.Geteuid() != 0 {
		unavailable("%s needs root", kind)
	}
	base, err := fetch()
	if err != nil {
		unavailable("%s: %v", kind, err)
	}
	s := &Server{Kind: kind, Host: "127.0.0.1", User: "anonymous", Dir: "/", t: t, dir: t.TempDir()}
	if o.Namespace != "" {
		s.Host, s.Port = o.Host, 2121
	} else if s.Port, err = freePort(); err != nil {
		t.Fatalf("%v", err)
	}
	s.env = append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(libraryPath(base), ":"))
	if o.TLS {
		s.CAFile, s.keyFile = filepath.Join(s.dir, "cert.pem"), filepath.Join(s.dir, "key.pem")
		if s.TLS, err = ftptest.WriteCertificate(s.CAFile, s.keyFile); err != nil {
			t.Fatalf("%v", err)
		}
	}
	if err := setups[kind](s, base, o); err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	if o.Namespace != "" {
		s.inside = []string{"nsenter", "--net=/run/netns/" + o.Namespace}
		s.args = append(s.inside[:len(s.inside):len(s.inside)], s.args...)
	}
	if err := s.start(); err != nil {
		t.Fatalf("%s: %v\n%s", kind, err, s.log())
	}
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("output of %s:\n%s", kind, s.log())
		}
	})
	return s
}

// URL is the server's address, with user and password where it needs them.
func (s *Server) URL() string {
	who := ""
	if s.Password != "" {
		who = s.User + ":" + s.Password + "@"
	}
	scheme := "ftp"
	if s.TLS != nil {
		scheme = "ftpes"
	}
	dir := s.Dir
	if dir != "/" { // counted from the login directory, if not written as //
		dir += "/"
	}
	return fmt.Sprintf("%s://%s%s:%d%s", scheme, who, s.Host, s.Port, dir)
}

// Restart stops the server, with all connections, and starts it again.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	if err := s.start(); err != nil {
		s.t.Fatalf("%s does not start again: %v\n%s", s.Kind, err, s.log())
	}
}

func (s *Server) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	s.cmd.Env = s.env
	out := &lockedWriter{s}
	s.cmd.Stdout, s.cmd.Stderr = out, out
	// A group of its own: sessions are processes, and must end with it.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	s.cmd.WaitDelay = time.Second
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.waited = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // it was killed
		close(done)
	}(s.cmd, s.waited)
	address := net.JoinHostPort(s.Host, fmt.Sprint(s.Port))
	for range 200 {
		select {
		case <-s.waited:
			return fmt.Errorf("it ended")
		default:
		}
		if s.listens(address) {
			// Some count this as a client until they have seen it go.
			time.Sleep(100 * time.Millisecond)
			return nil
		}
		time.Sleep(25 * time.Millisecond)
	}
	return fmt.Errorf("it does not listen")
}

// listens says whether the server accepts connections.
func (s *Server) listens(address string) bool {
	if len(s.inside) > 0 {
		try := append(s.inside[1:len(s.inside):len(s.inside)], "bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/%s/%d", s.Host, s.Port))
		return exec.Command(s.inside[0], try...).Run() == nil
	}
	c, err := net.Dial("tcp", address)
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

// Stop ends the server and all its sessions. It may be called twice.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	for _, pid := range descendants(s.cmd.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.waited
	s.cmd = nil
}

// descendants finds the processes that a process has started, directly or
// not: sessions put themselves into groups of their own.
func descendants(pid int) []int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var all []int
	for _, f := range strings.Fields(string(data)) {
		var child int
		if _, err := fmt.Sscan(f, &child); err == nil {
			all = append(all, child)
			all = append(all, descendants(child)...)
		}
	}
	return all
}

type lockedWriter struct{ s *Server }

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.s.outLock.Lock()
	defer w.s.outLock.Unlock()
	return w.s.output.Write(p)
}

func (s *Server) log() string {
	s.outLock.Lock()
	defer s.outLock.Unlock()
	return s.output.String()
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// write puts a file into the server's own directory.
func (s *Server) write(name, text string) (string, error) {
	full := filepath.Join(s.dir, name)
	return full, os.WriteFile(full, []byte(text), 0o644)
}
