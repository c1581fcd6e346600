package ftpconn

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Errors that callers test for with errors.Is. The io/fs errors
// fs.ErrNotExist, fs.ErrPermission and fs.ErrExist are answered as well.
var (
	// ErrNotDir and ErrIsDir say that a path is not, or is, a directory.
	ErrNotDir = errors.New("not a directory")
	ErrIsDir  = errors.New("is a directory")

	// ErrNotEmpty says that a directory which must be empty is not.
	ErrNotEmpty = errors.New("directory not empty")

	// ErrNotSupported says that the server does not know the command
	// (replies 500, 501, 502, 504 where the command itself was in order).
	ErrNotSupported = errors.New("the server does not support this")

	// ErrName says that a name can not be sent: it holds CR, LF or NUL.
	// Nothing was sent.
	ErrName = errors.New("name can not be sent in an FTP command")

	// ErrChanged says that a file is not the version that was asked for.
	ErrChanged = errors.New("file changed on the server")

	// ErrPreempted ends a Stream that gave its connection to more urgent
	// work. The bytes read so far are good: open another one where it ended.
	ErrPreempted = errors.New("transfer gave way to more urgent work")

	// ErrShort says that a transfer ended before all of the content came.
	ErrShort = errors.New("transfer ended early")

	// ErrSize comes with ErrShort: the server says that this was all of a file
	// that should have been longer.
	ErrSize = errors.New("the file is shorter than it was said to be")

	// ErrBadListing says that a listing held bytes that no parser knows,
	// and nothing that one does.
	ErrBadListing = errors.New("directory listing not understood")

	// ErrTimeout says that the server sent nothing for Config.Timeout.
	ErrTimeout = errors.New("no answer from the server in time")

	// ErrUnreachable says that no connection can be made at present.
	ErrUnreachable = errors.New("server can not be reached")

	// ErrAway says that nothing was tried, since the server could not be
	// reached a moment ago. It comes with ErrUnreachable.
	ErrAway = errors.New("the server is away")

	// ErrLogin says that the server refused the user or the password.
	ErrLogin = errors.New("login refused")

	// ErrNoSpace, ErrQuota: the server's disk or the user's share of it is
	// full (replies 452 and 552).
	ErrNoSpace = errors.New("no space left on the server")
	ErrQuota   = errors.New("storage allocation on the server exceeded")

	// ErrClosed says that the Pool, or the stream, was closed.
	ErrClosed = errors.New("connection pool is closed")
)

// Error is a negative reply of the server to a command, RFC 959 section 4.2.
// The connection that it came over is still good.
type Error struct {
	Op   string // the command, such as "RETR"
	Path string // its argument, if that is a path
	Code int    // 400 to 599
	Msg  string // the server's text, lines joined by "\n"

	// Kind is one of the errors above or of io/fs, once it is known what
	// the reply means: nil until then, since 550 alone does not tell.
	Kind error
}

func (e *Error) Error() string {
	what := e.Op
	if e.Path != "" {
		what += " " + Printable(e.Path)
	}
	return fmt.Sprintf("%s: server said: %d %s", what, e.Code, Printable(e.Msg))
}

// Unwrap makes errors.Is(err, e.Kind) hold.
func (e *Error) Unwrap() error { return e.Kind }

// Temporary says that the same command may succeed later (4yz replies).
func (e *Error) Temporary() bool { return e.Code/100 == 4 }

// ProtocolError is an answer that does not follow the protocol. The
// connection that it came over is not used again.
type ProtocolError struct {
	Op     string // the command, or "greeting"
	Detail string
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("%s: not an FTP reply: %s", e.Op, e.Detail)
}

// IsAbsent reports whether err says that the object does not exist.
func IsAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// Printable returns s with control characters and bytes that are not UTF-8
// written as escapes, so that a server can not forge lines in a log.
func Printable(s string) string {
	clean := true
	for _, r := range s {
		if r < 0x20 || r == 0x7f || r == '\uFFFD' || (r >= 0x80 && r < 0xa0) ||
			(r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	q := fmt.Sprintf("%+q", s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}
