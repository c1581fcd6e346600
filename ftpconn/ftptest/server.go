package ftptest

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"

	ftpserver "github.com/fclairamb/ftpserverlib"
)

// Server is a complete FTP server on a loopback port. It knows EPSV, PASV,
// EPRT, PORT (IPv4 only), LIST, NLST, MLSD, MLST, STAT, SIZE, MDTM, MFMT, REST,
// ABOR, the writing commands and SITE CHMOD, starts in ASCII as RFC 959
// demands, and shows no symbolic links. Its fields do not change after start.
type Server struct {
	Addr     string // host:port of the control connection
	Host     string
	Port     int
	User     string // a user who can log in
	Password string // and the password

	// TLS is the client's side of the server's certificate: a configuration
	// that trusts it. Nil without TLS.
	TLS *tls.Config

	*Log

	opts     options
	tree     *tree
	listener *listener
	done     chan struct{} // closed when the accept loop has ended
	close    sync.Once

	mu        sync.Mutex
	maxLogins int // guarded by mu; 0 = no limit
	logins    map[uint32]bool
	tlsConfig *tls.Config // the server's side; does not change after start
}

// NewServer starts a server that is closed at the end of the test.
func NewServer(t TB, opts ...Option) *Server {
	t.Helper()
	s, err := Start(opts...)
	if err != nil {
		t.Fatalf("ftptest: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a server. The caller closes it.
func Start(opts ...Option) (*Server, error) {
	o := options{anonymous: true, user: "anonymous", password: "guest@", banner: "ftptest"}
	for _, f := range opts {
		f(&o)
	}
	tree, err := newTree(o.dir)
	if err != nil {
		return nil, err
	}
	s := &Server{
		User: o.user, Password: o.password,
		Log: new(Log), opts: o, tree: tree,
		logins: map[uint32]bool{}, done: make(chan struct{}),
	}
	if o.tls != tlsOff {
		if s.tlsConfig, s.TLS, err = newCertificate(); err != nil {
			return nil, err
		}
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.setAddr(tcp.Addr())
	s.listener = newListener(tcp, s.Log)
	if o.tls == tlsImplicit {
		s.listener.tls = s.tlsConfig
	}

	f := ftpserver.NewFtpServer(&driver{s})
	f.Logger = slog.New(&logTap{record: func(conn int, line string) { s.record(conn, line) }})
	if err := f.Listen(); err != nil {
		s.listener.shutdown()
		return nil, err
	}
	go func() {
		defer close(s.done)
		// It ends when the listener is closed, and says nothing else of use.
		_ = f.Serve()
	}()
	return s, nil
}

func (s *Server) setAddr(a net.Addr) {
	tcp := a.(*net.TCPAddr)
	s.Addr, s.Host, s.Port = tcp.String(), tcp.IP.String(), tcp.Port
}

// URL returns the address in the form that a user types, with user and
// password unless the server is anonymous.
func (s *Server) URL() string {
	u := url.URL{Scheme: "ftp", Host: s.Addr, Path: "/"}
	if s.opts.tls == tlsImplicit {
		u.Scheme = "ftps"
	}
	if !s.opts.anonymous {
		u.User = url.UserPassword(s.User, s.Password)
	}
	return u.String()
}

// SetMaxConnections limits the control connections that may be open at once;
// a further one is told 421 and closed. 0 lifts the limit. Those that are open
// stay open.
func (s *Server) SetMaxConnections(n int) { s.listener.setLimit(n) }

// SetMaxLogins limits the control connections that may be logged in at once; a
// further login is answered 530, as ProFTPD does it. 0 lifts the limit.
func (s *Server) SetMaxLogins(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxLogins = n
}

// login counts a login of the connection; it fails if there are too many.
func (s *Server) login(conn uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.maxLogins > 0 && !s.logins[conn] && len(s.logins) >= s.maxLogins {
		return fmt.Errorf("the maximum number of clients (%d) is already connected", s.maxLogins)
	}
	s.logins[conn] = true
	return nil
}

func (s *Server) logout(conn uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.logins, conn)
}

// CloseConnections cuts all control and data connections, as a server that is
// restarted does. New ones are accepted at once.
func (s *Server) CloseConnections() { s.listener.closeConnections() }

// Close stops the server, cuts all connections and waits until nothing of it
// runs any more. It may be called more than once.
func (s *Server) Close() {
	s.close.Do(func() {
		s.listener.shutdown()
		<-s.done
		s.listener.wait()
	})
}
