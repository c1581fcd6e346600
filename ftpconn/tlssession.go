package ftpconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
)

// TLSSession is what a control connection and its data connections share under
// TLS. It is safe for concurrent use.
type TLSSession struct {
	Control *tls.Conn // the protected control connection

	cfg     *tls.Config
	state   tls.ConnectionState
	tickets *tickets
}

// NewTLSSession makes the TLS handshake on a control connection: after the
// reply 234 to AUTH TLS, RFC 4217 section 4, or before anything else where TLS
// is implicit. The error answers to ErrTLS.
func NewTLSSession(ctx context.Context, control net.Conn, cfg *tls.Config) (*TLSSession, error) {
	s := &TLSSession{cfg: cfg, tickets: &tickets{}}
	cfg = cfg.Clone()
	cfg.ClientSessionCache = s.tickets
	s.Control = tls.Client(control, cfg)
	if err := s.Control.HandshakeContext(ctx); err != nil {
		return nil, tlsError("control connection", err)
	}
	s.state = s.Control.ConnectionState()
	return s, nil
}

// String names version and cipher.
func (s *TLSSession) String() string {
	return s.version() + ", " + tls.CipherSuiteName(s.state.CipherSuite)
}

func (s *TLSSession) version() string { return tls.VersionName(s.state.Version) }

// Data makes the handshake on a data connection. The session of the control
// connection is resumed: some servers demand that, to see that both belong to
// the same client.
func (s *TLSSession) Data(ctx context.Context, data net.Conn) (*tls.Conn, error) {
	cfg := s.cfg.Clone()
	cfg.ClientSessionCache = s.tickets
	if id := s.state.CurveID; id != 0 {
		// The server has shown which group it takes; another first guess
		// would cost a round trip more.
		cfg.CurvePreferences = []tls.CurveID{id}
	}
	// Whoever answers here must be who answers on the control connection, and
	// that one was verified already.
	leaf := s.state.PeerCertificates[0]
	cfg.InsecureSkipVerify = true
	cfg.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 || !leaf.Equal(state.PeerCertificates[0]) {
			return errors.New("its certificate is not that of the control connection")
		}
		return nil
	}
	tc := tls.Client(data, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, tlsError("data connection", err)
	}
	return tc, nil
}

// tlsError names what a handshake failed on.
func tlsError(what string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return fmt.Errorf("%s: %w: %w", what, ErrTLS, timeoutError(err))
}

// tickets keeps the session tickets of one control connection and its data
// connections. A ticket of TLS 1.3 serves once: each connection brings new
// ones. Servers that insist on resumption want the session of this very
// control connection, so tickets are not shared.
type tickets struct {
	mu   sync.Mutex
	held []*tls.ClientSessionState // the newest last
}

const maxTickets = 8

func (t *tickets) Get(string) (*tls.ClientSessionState, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.held)
	if n == 0 {
		return nil, false
	}
	s := t.held[n-1]
	if n > 1 { // the last one is better used twice than not at all
		t.held = t.held[:n-1]
	}
	return s, true
}

func (t *tickets) Put(_ string, s *tls.ClientSessionState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s == nil {
		return
	}
	if len(t.held) == maxTickets {
		t.held = append(t.held[:0], t.held[1:]...)
	}
	t.held = append(t.held, s)
}
