package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"ftpfs/ftpconn"
)

// hand is one conversation held by hand: two sockets, as in the first chapter
// of any book on FTP. It is not safe for concurrent use.
type hand struct {
	control  net.Conn
	replies  *ftpconn.ReplyReader
	out      io.Writer
	timeout  time.Duration
	terminal bool // what the server sends must not control it

	dial func(ctx context.Context, network, address string) (net.Conn, error)
	host string // where data connections go, by way of a proxy; "": where the control connection went

	tlsConfig *tls.Config
	tls       *ftpconn.TLSSession // since AUTH TLS was agreed on
	private   bool                // PROT P was agreed on

	data     net.Conn     // opened by PASV or EPSV, for the next transfer
	listener net.Listener // opened by PORT or EPRT
	image    bool         // TYPE I was typed
}

// errLeave ends the conversation on the user's side.
var errLeave = errors.New("the user leaves")

func newHand(control net.Conn, out io.Writer, timeout time.Duration, terminal bool, tlsConfig *tls.Config) *hand {
	return &hand{
		control: control, replies: ftpconn.NewReplyReader(control),
		out: out, timeout: timeout, terminal: terminal, tlsConfig: tlsConfig,
	}
}

// protect makes the TLS handshake on the control connection.
func (h *hand) protect(ctx context.Context) error {
	if h.replies.Buffered() > 0 {
		return errors.New("there are bytes in clear where TLS should begin: somebody on the line puts words into the server's mouth")
	}
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	if err := h.control.SetDeadline(time.Time{}); err != nil {
		return err
	}
	s, err := ftpconn.NewTLSSession(ctx, h.control, h.tlsConfig)
	if err != nil {
		return err
	}
	h.tls, h.control, h.replies = s, s.Control, ftpconn.NewReplyReader(s.Control)
	h.say("control connection protected by %s", s)
	return nil
}

// protectData makes the handshake on the data connection.
func (h *hand) protectData(ctx context.Context) error {
	if !h.private || h.data == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	c, err := h.tls.Data(ctx, h.data)
	if err != nil {
		return err
	}
	how := "by a new TLS session"
	if c.ConnectionState().DidResume {
		how = "by the control connection's TLS session, resumed"
	}
	h.say("data connection protected %s", how)
	h.data = c
	return nil
}

func (h *hand) close() {
	h.dropData()
	_ = h.control.Close()
}

func (h *hand) dropData() {
	if h.data != nil {
		_ = h.data.Close()
		h.data = nil
	}
	if h.listener != nil {
		_ = h.listener.Close()
		h.listener = nil
	}
}

// say explains; the mark tells it from what the server says.
func (h *hand) say(format string, args ...any) {
	_, _ = fmt.Fprintf(h.out, "= "+format+"\n", args...)
}

// reply reads and shows one reply.
func (h *hand) reply(op string) (code int, text string, err error) {
	if err := h.control.SetReadDeadline(time.Now().Add(h.timeout)); err != nil {
		return 0, "", err
	}
	return h.replies.Read(op, func(line string) {
		_, _ = fmt.Fprintf(h.out, "< %s\n", ftpconn.Printable(line))
	})
}

// greeting reads what the server says first.
func (h *hand) greeting() error {
	for {
		code, _, err := h.reply("greeting")
		if err != nil || code != 120 {
			return err
		}
	}
}

// line does what one typed line says.
func (h *hand) line(ctx context.Context, line string) error {
	typed, err := parseTyped(line)
	if err != nil {
		h.say("%v", err)
		return nil
	}
	switch strings.ToLower(typed.verb) {
	case "":
		return nil
	case "help", "?":
		h.help(typed.arg)
		return nil
	case "exit":
		return errLeave
	}
	verb := strings.ToUpper(typed.verb)
	if verb == "PORT" || verb == "EPRT" {
		h.listen(verb, typed.arg)
	}
	if err := h.control.SetWriteDeadline(time.Now().Add(h.timeout)); err != nil {
		return err
	}
	if _, err := io.WriteString(h.control, typed.command()+"\r\n"); err != nil {
		return err
	}
	code, text, err := h.reply(verb)
	if err != nil {
		return err
	}
	if code/100 == 1 {
		if code, _, err = h.transfer(ctx, verb, typed); err != nil {
			return err
		}
	} else if moves(verb) {
		if code == 425 && h.data == nil && h.listener == nil {
			h.say("a data connection is needed: type PASV or EPSV first")
		}
		h.dropData()
	}
	switch {
	case code == 221 && verb == "QUIT":
		return errLeave
	case code == 234 && verb == "AUTH" && h.tls == nil:
		return h.protect(ctx)
	case code == 200 && verb == "PROT" && h.tls != nil:
		h.private = strings.EqualFold(typed.arg, "P")
	case code == 421:
		return io.EOF
	case code == 227 && verb == "PASV":
		h.passive(ctx, text)
	case code == 229 && verb == "EPSV":
		h.extendedPassive(ctx, text)
	case code == 200 && verb == "TYPE":
		h.image = strings.HasPrefix(strings.ToUpper(typed.arg), "I")
	}
	return nil
}

// passive shows the arithmetic of a 227 reply and opens the data connection.
func (h *hand) passive(ctx context.Context, text string) {
	address, err := ftpconn.PassiveAddress(text)
	if err != nil {
		h.say("there is no address in this reply")
		return
	}
	ip := address.Addr().As4()
	high, low := address.Port()>>8, address.Port()&0xff
	h.say("(%d,%d,%d,%d,%d,%d): port %d·256 + %d = %d", ip[0], ip[1], ip[2], ip[3], high, low, high, low, address.Port())
	host, err := h.server()
	if err != nil {
		h.say("%v", err)
		return
	}
	if h.host == "" && host != address.Addr().String() {
		h.say("the address is not the server's (%s); the connection goes to the server all the same", host)
	}
	h.open(ctx, address.Port())
}

func (h *hand) extendedPassive(ctx context.Context, text string) {
	port, err := ftpconn.ExtendedPassivePort(text)
	if err != nil {
		h.say("there is no port in this reply")
		return
	}
	h.say("(|||%d|): port %d, at the address of the control connection", port, port)
	h.open(ctx, port)
}

// server is the host that data connections go to.
func (h *hand) server() (string, error) {
	if h.host != "" {
		return h.host, nil
	}
	host, _, err := net.SplitHostPort(h.control.RemoteAddr().String())
	return host, err
}

func (h *hand) open(ctx context.Context, port uint16) {
	h.dropData()
	host, err := h.server()
	if err != nil {
		h.say("%v", err)
		return
	}
	address := net.JoinHostPort(host, fmt.Sprint(port))
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	if h.data, err = h.dial(ctx, "tcp", address); err != nil {
		h.data = nil
		h.say("data connection to %s: %v", address, cause(err))
		return
	}
	h.say("data connection to %s opened", address)
}

// listen opens the port that a typed PORT or EPRT names, if it is one of this
// machine; the command goes to the server in any case.
func (h *hand) listen(verb, arg string) {
	var address string
	if verb == "PORT" {
		a, err := ftpconn.PassiveAddress(arg)
		if err != nil {
			h.say("PORT takes six numbers, h1,h2,h3,h4,p1,p2; see help PORT")
			return
		}
		address = a.String()
	} else {
		fields := strings.Split(arg, "|")
		if len(fields) < 4 {
			h.say("EPRT takes |1|address|port|, or |2|address|port| for IPv6; see help EPRT")
			return
		}
		address = net.JoinHostPort(fields[2], fields[3])
	}
	h.dropData()
	l, err := net.Listen("tcp", address)
	if err != nil {
		h.say("listening at %s: %v", address, cause(err))
		return
	}
	h.listener = l
	h.say("listening for the server at %s", l.Addr())
}
