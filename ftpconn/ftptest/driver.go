package ftptest

import (
	"crypto/tls"
	"errors"
	"net"
	"time"

	ftpserver "github.com/fclairamb/ftpserverlib"
)

// driver is what ftpserverlib asks about a Server.
type driver struct{ s *Server }

var (
	_ ftpserver.MainDriver                         = (*driver)(nil)
	_ ftpserver.MainDriverExtensionPassiveWrapper  = (*driver)(nil)
	_ ftpserver.MainDriverExtensionPostAuthMessage = (*driver)(nil)
)

// dataTimeout bounds the library's wait for a data connection.
const dataTimeout = 30 * time.Second

func (d *driver) GetSettings() (*ftpserver.Settings, error) {
	set := &ftpserver.Settings{
		Listener:          d.s.listener,
		ListenAddr:        d.s.Addr,
		Banner:            d.s.opts.banner,
		ConnectionTimeout: int(dataTimeout / time.Second),
		IdleTimeout:       int((d.s.opts.idle + time.Second - 1) / time.Second),
		// Binding port 20 needs privileges that a test has no business to have.
		ActiveTransferPortNon20: true,
		DisableMLSD:             d.s.opts.noMLSD,
		DisableMLST:             d.s.opts.noMLSD,
	}
	switch d.s.opts.tls {
	case tlsRequired:
		set.TLSRequired = ftpserver.MandatoryEncryption
	case tlsImplicit:
		set.TLSRequired = ftpserver.ImplicitEncryption
	}
	return set, nil
}

func (d *driver) ClientConnected(c ftpserver.ClientContext) (string, error) {
	c.SetDebug(true) // see logTap
	return d.s.opts.banner, nil
}

func (d *driver) ClientDisconnected(c ftpserver.ClientContext) { d.s.logout(c.ID()) }

func (d *driver) AuthUser(c ftpserver.ClientContext, user, password string) (ftpserver.ClientDriver, error) {
	o := &d.s.opts
	switch {
	case o.anonymous && (user == "anonymous" || user == "ftp"):
	case !o.anonymous && user == o.user && password == o.password:
	default:
		return nil, errors.New("Login incorrect.") //nolint:revive,staticcheck // the reply's text, as vsftpd words it
	}
	if err := d.s.login(c.ID()); err != nil {
		return nil, err
	}
	return d.s.tree, nil
}

func (d *driver) PostAuthMessage(_ ftpserver.ClientContext, _ string, err error) string {
	if err != nil {
		return err.Error()
	}
	return "Login successful."
}

func (d *driver) GetTLSConfig() (*tls.Config, error) {
	if d.s.tlsConfig == nil {
		return nil, errors.New("TLS is not configured")
	}
	return d.s.tlsConfig, nil
}

func (d *driver) WrapPassiveListener(l net.Listener) (net.Listener, error) {
	return d.s.listener.passive(l), nil
}
