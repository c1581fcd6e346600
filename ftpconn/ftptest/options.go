package ftptest

import "time"

// Option changes how a Server is started. A test names one or two of them.
type Option func(*options)

type options struct {
	user, password string
	anonymous      bool
	dir            string
	tls            tlsMode
	noMLSD         bool
	banner         string
	idle           time.Duration
}

type tlsMode int

const (
	tlsOff tlsMode = iota
	tlsOptional
	tlsRequired
	tlsImplicit
)

// WithLogin makes the server accept one user and password only. Without it,
// the users "anonymous" and "ftp" log in with any password.
func WithLogin(user, password string) Option {
	return func(o *options) { o.user, o.password, o.anonymous = user, password, false }
}

// WithDir makes the server show the directory dir of the local file system
// instead of an empty tree in memory.
func WithDir(dir string) Option { return func(o *options) { o.dir = dir } }

// WithTLS makes the server offer AUTH TLS (RFC 4217) with a certificate made
// for it; see Server.TLS for the client's side.
func WithTLS() Option { return func(o *options) { o.tls = tlsOptional } }

// WithTLSRequired is WithTLS, and refuses to log in anybody in clear.
func WithTLSRequired() Option { return func(o *options) { o.tls = tlsRequired } }

// WithImplicitTLS makes the server expect TLS from the first byte, as on port
// 990.
func WithImplicitTLS() Option { return func(o *options) { o.tls = tlsImplicit } }

// WithoutMLSD makes the server know neither MLSD nor MLST, as vsftpd.
func WithoutMLSD() Option { return func(o *options) { o.noMLSD = true } }

// WithBanner sets the text of the greeting.
func WithBanner(text string) Option { return func(o *options) { o.banner = text } }

// WithIdleTimeout makes the server say 421 and hang up after d without a
// command, rounded up to whole seconds. The default is a quarter of an hour.
func WithIdleTimeout(d time.Duration) Option { return func(o *options) { o.idle = d } }
