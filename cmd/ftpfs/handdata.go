package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"time"

	"ftpfs/ftpconn"
)

// moves says whether a command uses the data connection.
func moves(verb string) bool { return receives(verb) || sends(verb) }

func receives(verb string) bool {
	return verb == "RETR" || verb == "LIST" || verb == "NLST" || verb == "MLSD"
}

func sends(verb string) bool { return verb == "STOR" || verb == "APPE" || verb == "STOU" }

// typed is a line that was typed: a command of FTP, and for those that move
// data the local file behind > or <.
type typed struct {
	verb, arg string
	file      string
}

// command is what goes to the server.
func (t typed) command() string {
	if t.arg == "" {
		return t.verb
	}
	return t.verb + " " + t.arg
}

// parseTyped takes a line apart. The last " > " of a receiving command, or
// " < " of a sending one, begins the name of a local file.
func parseTyped(line string) (typed, error) {
	if strings.ContainsAny(line, "\r\n\x00") {
		return typed{}, errors.New("a command can not hold CR, LF or NUL")
	}
	verb, arg, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
	t := typed{verb: strings.TrimSpace(verb), arg: arg}
	mark := ""
	switch upper := strings.ToUpper(t.verb); {
	case receives(upper):
		mark = ">"
	case sends(upper):
		mark = "<"
	default:
		return t, nil
	}
	if i := strings.LastIndex(" "+arg, " "+mark+" "); i >= 0 {
		t.file = strings.TrimSpace(arg[i+1:])
		t.arg = strings.TrimRight(arg[:max(0, i-1)], " ")
		if t.file == "" {
			return t, fmt.Errorf("after %s comes the name of a local file", mark)
		}
	}
	if mark == "<" && t.file == "" {
		return t, fmt.Errorf("%s needs a local file to send: %s name < file", strings.ToUpper(t.verb), strings.ToUpper(t.verb))
	}
	return t, nil
}

// transfer moves the data of a command that the server has accepted, and
// reads the final reply.
func (h *hand) transfer(ctx context.Context, verb string, t typed) (code int, text string, err error) {
	if err := h.acceptData(); err != nil {
		h.say("%v", err)
	}
	if err := h.protectData(ctx); err != nil {
		h.say("%v", err)
		h.dropData()
		return h.reply(verb)
	}
	switch {
	case h.data == nil:
		h.say("no data connection is open: PASV or EPSV comes before %s", verb)
	case receives(verb):
		h.receive(ctx, verb, t.file)
	case sends(verb):
		h.send(t.file)
	default:
		h.say("ftpfs does not know what moves here")
	}
	h.dropData()
	return h.reply(verb)
}

// acceptData waits for the server after PORT or EPRT.
func (h *hand) acceptData() error {
	if h.listener == nil {
		return nil
	}
	if l, ok := h.listener.(*net.TCPListener); ok {
		if err := l.SetDeadline(time.Now().Add(h.timeout)); err != nil {
			return err
		}
	}
	c, err := h.listener.Accept()
	if err != nil {
		return fmt.Errorf("the server did not connect: %w", cause(err))
	}
	h.say("data connection from %s accepted", c.RemoteAddr())
	h.data = c
	return nil
}

// receive shows or stores what arrives until the end of the data.
func (h *hand) receive(ctx context.Context, verb, file string) {
	var w io.Writer = h.out
	shown := &shownText{w: h.out, escape: h.terminal}
	if file == "" {
		w = shown
	} else {
		f, err := os.Create(file)
		if err != nil {
			h.say("%v; the data is thrown away", err)
			w = io.Discard
		} else {
			defer func() {
				if err := f.Close(); err != nil {
					h.say("%s: %v", file, err)
				}
			}()
			w = f
		}
	}
	// Ctrl-C ends the transfer, not the conversation.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	data := h.data
	defer context.AfterFunc(ctx, func() { _ = data.Close() })()
	start := time.Now()
	n, err := io.Copy(w, &patient{data, h.timeout})
	if file == "" && shown.open {
		_, _ = io.WriteString(h.out, "\n")
	}
	switch {
	case ctx.Err() != nil:
		h.say("interrupted after %d bytes", n)
	case err != nil:
		h.say("data connection: %v after %d bytes", cause(err), n)
	default:
		h.say("end of data: %d bytes in %v", n, time.Since(start).Round(10*time.Microsecond))
	}
	if verb == "RETR" && !h.image {
		h.say("in TYPE A, the default, a server may change line ends; TYPE I leaves bytes alone")
	}
}

func (h *hand) send(file string) {
	f, err := os.Open(file)
	if err != nil {
		h.say("%v; nothing is sent", err)
		return
	}
	defer func() { _ = f.Close() }()
	start := time.Now()
	n, err := io.Copy(&patient{h.data, h.timeout}, f)
	if err != nil {
		h.say("data connection: %v after %d bytes", cause(err), n)
		return
	}
	if c, ok := h.data.(*tls.Conn); ok {
		// What the server has said, tickets for one, must be read before the
		// connection is closed: the kernel would reset it, and cut what is
		// still on its way.
		err := c.CloseWrite()
		if err == nil {
			_, err = io.Copy(io.Discard, &patient{c, h.timeout})
		}
		if err != nil {
			h.say("closing the data connection: %v", cause(err))
		}
	}
	h.say("%d bytes sent in %v", n, time.Since(start).Round(10*time.Microsecond))
}

// patient waits for each piece of data as long as for a reply.
type patient struct {
	net.Conn
	timeout time.Duration
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(p.timeout)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

func (p *patient) Write(b []byte) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(p.timeout)); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}

// shownText shows content, on a terminal without what could control it.
type shownText struct {
	w      io.Writer
	escape bool
	open   bool // the last line has no end yet
}

func (s *shownText) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.open = p[len(p)-1] != '\n'
	if !s.escape {
		return s.w.Write(p)
	}
	var b strings.Builder
	for i, line := range strings.Split(string(p), "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(ftpconn.Printable(strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "        ")))
	}
	if _, err := io.WriteString(s.w, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}
