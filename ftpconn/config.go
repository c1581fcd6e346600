package ftpconn

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"strconv"
	"time"

	"golang.org/x/text/encoding"
)

// Config says which server to use, as whom, and how. Only Host is required.
// A Config is not changed once it was given to NewPool.
type Config struct {
	Host string
	Port int // 0 means 21, or 990 with TLSImplicit

	User     string // "" means "anonymous"
	Password string // for an anonymous user, "" means "anonymous@"
	Account  string // sent only if the server asks for it (reply 332)

	// Root is the directory on the server that becomes "/". A path that does
	// not begin with a slash counts from the directory in which the server
	// puts the user at login; "" is that directory.
	Root string

	// Timeout bounds every wait for the server; it starts again with each
	// byte that moves. 0 means 30 seconds.
	Timeout time.Duration

	// Hard makes calls wait for as long as the server can not be reached,
	// once it was: until it is back, or their context ends. Otherwise the
	// first ones wait for a while, at most for Timeout, and the others fail at
	// once with ErrUnreachable.
	Hard bool

	// Connections is the largest number of control connections that are open
	// at one time. 0 means 8.
	Connections int

	// IdleTimeout is how long a control connection is kept without use.
	// 0 means 4 minutes, which is below the 5 minutes of common servers.
	IdleTimeout time.Duration

	// KeepAlive is the pause between NOOP commands on the last idle control
	// connection. 0 means that none are sent and the connection is closed
	// after IdleTimeout.
	KeepAlive time.Duration

	// Active makes the server open the data connections (PORT, EPRT).
	Active bool

	// TLS says how connections are protected; TLSConfig with which roots,
	// certificates and versions. Its ServerName is Host if it is empty; its
	// session cache is not used.
	TLS       TLSMode
	TLSConfig *tls.Config

	// Charset is how the server writes names; nil means that the bytes are
	// passed on unchanged.
	Charset encoding.Encoding

	// Location is the time zone of the times in LIST; nil means that it is
	// found by comparing MDTM with LIST, and is UTC where that is not
	// possible.
	Location *time.Location

	// MaxEntries bounds the entries of one directory. 0 means 5 million.
	MaxEntries int

	// Trace, if set, gets the conversation as it happens.
	Trace *Trace

	// Logger gets what an administrator should know; nil discards it.
	Logger *slog.Logger

	// Dial opens TCP connections; nil means NewDialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Proxied says that Dial goes through a proxy, so that the addresses of
	// its connections are not the server's. Active mode is not possible then.
	Proxied bool
}

// NewDialer returns a dialer whose keep-alive probes find a peer that vanished
// without a word, as after suspend or a change of network.
func NewDialer() *net.Dialer {
	return &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 4,
	}}
}

// withDefaults returns a copy of cfg in which every field has its meaning.
func (cfg Config) withDefaults() Config {
	if cfg.Port == 0 {
		cfg.Port = 21
		if cfg.TLS == TLSImplicit {
			cfg.Port = 990
		}
	}
	if cfg.TLS != TLSOff {
		if cfg.TLSConfig == nil {
			cfg.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		if cfg.TLSConfig.ServerName == "" {
			cfg.TLSConfig = cfg.TLSConfig.Clone()
			cfg.TLSConfig.ServerName = cfg.Host
		}
	}
	if cfg.User == "" {
		cfg.User = "anonymous"
	}
	if cfg.Password == "" && (cfg.User == "anonymous" || cfg.User == "ftp") {
		cfg.Password = "anonymous@"
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Connections <= 0 {
		cfg.Connections = 8
	}
	if cfg.IdleTimeout <= 0 {
		cfg.IdleTimeout = 4 * time.Minute
	}
	if cfg.MaxEntries <= 0 {
		cfg.MaxEntries = 5_000_000
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Dial == nil {
		cfg.Dial = NewDialer().DialContext
	}
	return cfg
}

// address is where the control connection goes.
func (cfg *Config) address() string {
	return net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))
}
