package ftpconn

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Trace writes the control conversation as it happens: one line for each
// command and each reply line, and one for each data connection that opens or
// ends. A line begins with the time and the number of the control connection:
//
//	15:04:05.000 #1 > PASV
//	15:04:05.001 #1 < 227 Entering Passive Mode (127,0,0,1,161,195).
//	15:04:05.001 #1 = data connection to 127.0.0.1:41411 opened
//	15:04:05.003 #1 = RETR: 1048576 bytes received in 1.9ms
//
// Passwords and accounts are masked. A Trace is safe for concurrent use; a
// nil *Trace discards everything.
type Trace struct {
	mu  sync.Mutex // guards w
	w   io.Writer
	now func() time.Time
}

// NewTrace returns a Trace that writes to w.
func NewTrace(w io.Writer) *Trace {
	return &Trace{w: w, now: time.Now}
}

func (t *Trace) line(conn int, mark, text string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// A trace that can not be written must not stop the file system.
	_, _ = fmt.Fprintf(t.w, "%s #%d %s %s\n", t.now().Format("15:04:05.000"), conn, mark, Printable(text))
}

func (t *Trace) sent(conn int, command string)   { t.line(conn, ">", maskSecret(command)) }
func (t *Trace) received(conn int, reply string) { t.line(conn, "<", reply) }

func (t *Trace) note(conn int, format string, args ...any) {
	if t == nil {
		return
	}
	t.line(conn, "=", fmt.Sprintf(format, args...))
}

// Note writes a line that belongs to no connection.
func (t *Trace) Note(text string) {
	t.line(0, "=", text)
}

// maskSecret hides the argument of PASS and ACCT.
func maskSecret(command string) string {
	verb, _, ok := strings.Cut(command, " ")
	if ok && (strings.EqualFold(verb, "PASS") || strings.EqualFold(verb, "ACCT")) {
		return verb + " ****"
	}
	return command
}
