package ftptest

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// Handler answers one command. It runs on the session's own goroutine, so a
// session's commands are answered one after the other, in order.
type Handler func(c *Session, arg string)

// Script is a small FTP server that a test bends to its needs: any reply,
// listing or transfer can be replaced, at any time, by the methods below. As it
// starts it is a plain, correct server for anonymous users over an empty tree,
// with LIST, MLSD, EPSV and the rest (see builtin). It speaks no TLS.
type Script struct {
	Addr     string // host:port of the control connection
	Host     string
	Port     int
	User     string
	Password string

	*Log

	listener net.Listener
	close    sync.Once
	running  sync.WaitGroup // accept loop and sessions

	mu       sync.Mutex
	set      settings              // guarded by mu, like all below
	handlers map[string]Handler    // replacements, by verb
	once     map[string][]Handler  // replacements for the next commands only
	plans    map[string]Plan       // by verb
	listings map[string][]byte     // by verb + " " + directory
	disabled map[string]bool       // verbs that do not exist
	nodes    map[string]*node      // the tree, by path
	sessions map[*Session]struct{} //
	closed   bool
}

// settings are the plain values of a Script, see the methods that set them.
type settings struct {
	greeting    string
	features    []string // nil: what is not disabled
	user        string   // "": anonymous
	password    string
	account     string
	passiveHost string
	split       int
	lineEnd     string
	listOptions bool
	hideDots    bool
	globs       bool
	telnet      bool
	location    *time.Location
	space       int64 // what AVBL answers; -1: it is not known
	setByMDTM   bool
	keepTargets bool
}

// NewScript starts a script on 127.0.0.1 that is closed at the end of the test.
func NewScript(t TB) *Script {
	t.Helper()
	return NewScriptAt(t, "127.0.0.1:0")
}

// NewScriptAt is NewScript on another loopback address, "[::1]:0".
func NewScriptAt(t TB, addr string) *Script {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("ftptest: %v", err)
	}
	tcp := l.Addr().(*net.TCPAddr)
	s := &Script{
		Addr: tcp.String(), Host: tcp.IP.String(), Port: tcp.Port,
		User: "anonymous", Password: "guest@",
		Log: new(Log), listener: l,
		set:      settings{greeting: "220 ftptest script\r\n", listOptions: true, location: time.UTC, space: -1},
		handlers: map[string]Handler{},
		once:     map[string][]Handler{},
		plans:    map[string]Plan{},
		listings: map[string][]byte{},
		disabled: map[string]bool{},
		nodes:    map[string]*node{"/": {dir: true, mode: 0o755, mod: time.Now()}},
		sessions: map[*Session]struct{}{},
	}
	t.Cleanup(s.Close)
	s.running.Add(1)
	go s.accept()
	return s
}

// URL returns the address as a user types it.
func (s *Script) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set.user == "" {
		return "ftp://" + s.Addr + "/"
	}
	return "ftp://" + s.set.user + ":" + s.set.password + "@" + s.Addr + "/"
}

// configure changes the settings.
func (s *Script) configure(f func(*settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.set)
}

// config returns a copy of the settings.
func (s *Script) config() settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set
}

// Greeting sets the bytes that open a conversation, instead of a 220 line. An
// empty string means silence.
func (s *Script) Greeting(raw string) { s.configure(func(c *settings) { c.greeting = raw }) }

// Features sets what FEAT lists.
func (s *Script) Features(lines ...string) {
	s.configure(func(c *settings) { c.features = append([]string{}, lines...) })
}

// Login demands this user and password, and, unless it is empty, the account
// by 332 after the password. The fields User and Password do not change.
func (s *Script) Login(user, password, account string) {
	s.configure(func(c *settings) { c.user, c.password, c.account = user, password, account })
}

// PassiveHost makes PASV answer with this IPv4 address instead of its own.
func (s *Script) PassiveHost(ip string) { s.configure(func(c *settings) { c.passiveHost = ip }) }

// Split sends all replies in pieces of n bytes, each a segment of its own.
func (s *Script) Split(n int) { s.configure(func(c *settings) { c.split = n }) }

// LineEnd ends reply lines and listing lines by end instead of CR LF. It does
// not touch bytes that a test gave as a whole.
func (s *Script) LineEnd(end string) { s.configure(func(c *settings) { c.lineEnd = end }) }

// ListOptions says whether LIST and NLST know options as "-a" (the default) or
// take them for a file name.
func (s *Script) ListOptions(known bool) { s.configure(func(c *settings) { c.listOptions = known }) }

// HideDots makes LIST leave out names that begin with a dot unless -a is given.
func (s *Script) HideDots(hide bool) { s.configure(func(c *settings) { c.hideDots = hide }) }

// Globs makes LIST and NLST take their argument for a pattern.
func (s *Script) Globs(on bool) { s.configure(func(c *settings) { c.globs = on }) }

// Telnet makes the server take a doubled 0xFF in a command for one, and a
// single one for the begin of a Telnet command (RFC 854).
func (s *Script) Telnet(on bool) { s.configure(func(c *settings) { c.telnet = on }) }

// Location sets the time zone of LIST. The default is UTC.
func (s *Script) Location(l *time.Location) { s.configure(func(c *settings) { c.location = l }) }

// Handle replaces what the server does for a verb. A nil h restores it.
func (s *Script) Handle(verb string, h Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h == nil {
		delete(s.handlers, verb)
		return
	}
	s.handlers[verb] = h
}

// Reply makes the server answer a verb with these bytes and do nothing. No
// bytes at all means that the client waits for ever.
func (s *Script) Reply(verb, raw string) {
	s.Handle(verb, func(c *Session, _ string) { c.Raw(raw) })
}

// Next handles the next command with this verb, and only that. Several calls
// queue up.
func (s *Script) Next(verb string, h Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.once[verb] = append(s.once[verb], h)
}

// ReplyNext answers the next command with this verb with these bytes.
func (s *Script) ReplyNext(verb, raw string) {
	s.Next(verb, func(c *Session, _ string) { c.Raw(raw) })
}

// Disable makes verbs unknown: 500, and not in FEAT.
func (s *Script) Disable(verbs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range verbs {
		s.disabled[v] = true
	}
}

// Plan changes how the transfers of a verb go from now on.
func (s *Script) Plan(verb string, p Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plans[verb] = p
}

func (s *Script) plan(verb string) Plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plans[verb]
}

// Listing sets the bytes that LIST, NLST, MLSD or STAT sends for a directory,
// which must exist in the tree.
func (s *Script) Listing(verb, dir, raw string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listings[verb+" "+abs(dir)] = []byte(raw)
}

// Broadcast sends bytes to all clients, asked or not.
func (s *Script) Broadcast(raw string) {
	for _, c := range s.all() {
		c.Raw(raw)
	}
}

// CloseConnections cuts all connections, as a server that is restarted does.
func (s *Script) CloseConnections() {
	for _, c := range s.all() {
		c.Close()
	}
}

func (s *Script) all() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	sessions := make([]*Session, 0, len(s.sessions))
	for c := range s.sessions {
		sessions = append(sessions, c)
	}
	return sessions
}

// Close stops the server and waits until nothing of it runs. A handler that
// never returns by itself must watch Session.Done.
func (s *Script) Close() {
	s.close.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		_ = s.listener.Close()
		s.CloseConnections()
		s.running.Wait()
	})
}

func (s *Script) accept() {
	defer s.running.Done()
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		n, _ := s.admit(0)
		c := &Session{Script: s, Number: n, Dir: "/", conn: &turnConn{Conn: conn, log: s.Log}, done: make(chan struct{}), lines: make(chan string, 1024)}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			_ = conn.Close()
			s.leave()
			return
		}
		s.sessions[c] = struct{}{}
		s.running.Add(1)
		s.mu.Unlock()
		go c.serve()
	}
}

// handler finds who answers a verb.
func (s *Script) handler(verb string) Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	if queue := s.once[verb]; len(queue) > 0 {
		s.once[verb] = queue[1:]
		return queue[0]
	}
	if h, ok := s.handlers[verb]; ok {
		return h
	}
	if h, ok := builtin[verb]; ok && !s.disabled[verb] {
		return h
	}
	return func(c *Session, _ string) { c.Reply(500, "Unknown command.") }
}

// featureLines returns what FEAT lists.
func (s *Script) featureLines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set.features != nil {
		return s.set.features
	}
	var lines []string
	if s.set.space >= 0 {
		lines = append(lines, "AVBL")
	}
	for _, f := range []string{"EPRT", "EPSV", "MDTM", "MFMT", "MLST type*;size*;modify*;unique*;UNIX.mode*;", "MLSD", "PASV", "REST STREAM", "SIZE", "UTF8"} {
		verb, _, _ := strings.Cut(f, " ")
		if !s.disabled[verb] {
			lines = append(lines, f)
		}
	}
	return lines
}

// reply formats a reply; the lines of text are separated by "\n".
func reply(code int, text string) string {
	lines := strings.Split(text, "\n")
	var b strings.Builder
	for _, l := range lines[:len(lines)-1] {
		fmt.Fprintf(&b, "%d-%s\r\n", code, l)
	}
	fmt.Fprintf(&b, "%d %s\r\n", code, lines[len(lines)-1])
	return b.String()
}
