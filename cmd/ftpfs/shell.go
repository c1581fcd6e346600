package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"ftpfs/ftpconn"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func init() { moreCommands = append(moreCommands, newShellCommand) }

func newShellCommand(a *app) *cobra.Command {
	s := &settings{}
	cmd := &cobra.Command{
		Use:   "shell URL",
		Short: "Speak FTP by hand",
		Long: `shell connects to the server of the URL and hands you the conversation. You
type the commands of RFC 959 themselves; replies are shown as they come. For
PASV and EPSV it works out the port and opens the data connection, for LIST and
RETR it shows what arrives there, or stores it with "> file". After AUTH TLS and
PROT P it makes the TLS handshakes. It sends nothing that you did not type. "help" explains the commands, "exit" leaves.`,
		Example: `  ftpfs shell ftp://ftp.example.org/
  printf 'USER ftp\nPASS ftp\nPASV\nLIST\nQUIT\n' | ftpfs shell ftp://ftp.example.org/`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fail(exitUsage, "shell needs a URL, as in: ftpfs shell ftp://host/")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.shell(cmd.Context(), args[0], s) },
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().DurationVar(&s.Timeout, "timeout", 30*time.Second, "give up when the server is silent for so long")
	cmd.Flags().StringVar(&s.Proxy, "proxy", "", "reach the server by this proxy, as for mount")
	s.addTrustFlags(cmd.Flags())
	return cmd
}

func (a *app) shell(ctx context.Context, rawURL string, s *settings) error {
	l, err := parseLocation(rawURL)
	if err != nil {
		return fail(exitUsage, "URL: %w", err)
	}
	s.Host, s.Port = l.host, l.port
	if err := s.setScheme(l.scheme); err != nil {
		return fail(exitUsage, "%w", err)
	}
	tlsConfig, err := s.tlsSettings.config(s.Host)
	if err != nil {
		return fail(exitUsage, "%w", err)
	}
	if err := a.findProxy(s); err != nil {
		return fail(exitUsage, "%w", err)
	}
	through, err := s.dialer()
	if err != nil {
		return fail(exitUsage, "%w", err)
	}
	dial := (&net.Dialer{}).DialContext
	if through != nil {
		dial = through.DialContext
	}
	dialCtx, cancel := context.WithTimeout(ctx, s.Timeout)
	control, err := dial(dialCtx, "tcp", s.address())
	cancel()
	if err != nil {
		return fail(exitUnreachable, "can not connect to %s: %w", s.address(), cause(err))
	}
	defer func() { _ = control.Close() }()
	in := a.newLineReader()
	defer in.restore()
	h := newHand(control, in.out, s.Timeout, in.terminal, tlsConfig)
	h.dial = dial
	if through != nil {
		h.host = s.Host
	}
	defer h.close()
	h.say("control connection to %s opened", control.RemoteAddr())
	if l.scheme == "ftps" {
		if err := h.protect(ctx); err != nil {
			return explainTLS(s, err)
		}
	}
	if err := h.greeting(); err != nil {
		return shellEnd(err)
	}
	if l.scheme == "ftpes" {
		h.say("AUTH TLS protects what follows; PBSZ 0 and PROT P, after the login, the data")
	}
	if in.terminal {
		h.say(`"help" explains what to type; begin with USER and PASS`)
	}
	for {
		line, err := in.read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fail(exitFailure, "reading commands: %w", err)
		}
		err = h.line(ctx, line)
		if errors.Is(err, errLeave) {
			return nil
		}
		if errors.Is(err, ftpconn.ErrTLS) {
			return explainTLS(s, err)
		}
		if err != nil {
			return shellEnd(err)
		}
	}
}

// shellEnd is what is said when the conversation ended by itself.
func shellEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fail(exitUnreachable, "the server closed the control connection")
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fail(exitUnreachable, "the server does not answer in time")
	}
	return fail(exitUnreachable, "control connection: %w", err)
}

// lineReader reads what the user types: with editing and history on a
// terminal, plain lines otherwise.
type lineReader struct {
	terminal bool
	out      io.Writer // where everything is shown
	read     func() (string, error)
	restore  func()
}

func (a *app) newLineReader() *lineReader {
	stdin, ok := a.stdin.(*os.File)
	if ok && term.IsTerminal(int(stdin.Fd())) {
		if state, err := term.MakeRaw(int(stdin.Fd())); err == nil {
			t := term.NewTerminal(struct {
				io.Reader
				io.Writer
			}{stdin, a.stdout}, "ftp> ")
			t.History = &history{}
			return &lineReader{
				terminal: true, out: t,
				read: func() (string, error) {
					line, err := t.ReadLine()
					if err == nil && strings.EqualFold(strings.TrimSpace(line), "PASS") {
						var password string
						if password, err = t.ReadPassword("Password: "); err == nil {
							line = "PASS " + password
						}
					}
					return line, err
				},
				restore: func() { _ = term.Restore(int(stdin.Fd()), state) },
			}
		}
	}
	lines := bufio.NewReaderSize(a.stdin, 64<<10)
	return &lineReader{
		out: a.stdout,
		read: func() (string, error) {
			line, err := lines.ReadString('\n')
			if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
				return "", err
			}
			line = strings.TrimRight(line, "\r\n")
			if strings.TrimSpace(line) != "" {
				// As it would stand there, had it been typed.
				_, err = fmt.Fprintf(a.stdout, "> %s\n", masked(line))
				return line, err
			}
			return line, nil
		},
		restore: func() {},
	}
}

// masked hides the secret of a command line.
func masked(line string) string {
	verb, _, ok := strings.Cut(strings.TrimSpace(line), " ")
	if ok && (strings.EqualFold(verb, "PASS") || strings.EqualFold(verb, "ACCT")) {
		return verb + " ****"
	}
	return line
}

// history is what the arrow keys bring back: everything but passwords.
type history struct{ lines []string }

func (h *history) Add(line string) {
	if masked(line) == line && strings.TrimSpace(line) != "" {
		h.lines = append(h.lines, line)
	}
}

func (h *history) Len() int          { return len(h.lines) }
func (h *history) At(idx int) string { return h.lines[len(h.lines)-1-idx] }
