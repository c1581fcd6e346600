package ftpconn

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits on what a server may send as a reply. The longest honest replies
// are STAT listings and FEAT; the longest honest line is a path.
const (
	maxReplyLine = 8 << 10
	maxReply     = 1 << 20
)

// Reply codes that decide something here, RFC 959 section 4.2.
const (
	codeServiceSoon      = 120 // ready in nnn minutes
	codeReady            = 220
	codeLoggedIn         = 230
	codeNeedPassword     = 331
	codeNeedAccount      = 332
	codePending          = 350 // REST, RNFR: go on
	codeNotAvailable     = 421 // closing the control connection
	codeNoData           = 425 // can't open data connection
	codeAborted          = 426
	codeBusy             = 450
	codeNoSpace          = 452
	codeUnknown          = 500
	codeBadArgument      = 501
	codeNotImplemented   = 502
	codeNotForThatArg    = 504
	codeNotLoggedIn      = 530
	codeUnavailable      = 550
	codeExceededQuota    = 552
	codeNameNotAllowed   = 553
	codeExtendedPassive  = 229
	codePassive          = 227
	codePathname         = 257
	codeFileStatus       = 213
	codeNetworkProtocol  = 522 // EPRT/EPSV: protocol not supported
	codeDirectoryStatus  = 212
	codeSystemStatus     = 211
	codeFileActionOK     = 250
	codeClosingData      = 226
	codeSuperfluous      = 202
	codeDataAlreadyOpen  = 125
	codeOpeningData      = 150
	codeServiceClosing   = 221
	codeBadSequence      = 503
	codeLocalError       = 451
	codeSecurityResource = 431
)

// reply is one whole reply of the server.
type reply struct {
	code  int
	lines []string // texts without the code; at least one
}

func (r reply) text() string { return strings.Join(r.lines, "\n") }

// class is the first digit: 1 preliminary, 2 done, 3 go on, 4 and 5 refused.
func (r reply) class() int { return r.code / 100 }

// readReply reads one reply, RFC 959 section 4.2. onLine, if not nil, is
// called with each line as it comes.
//
// A multi-line reply ends with its own code followed by a space; every line
// between, whatever it begins with, is text. Servers were seen to end lines
// with LF alone, to send empty lines between replies, to end a multi-line
// reply with the bare code, and to send Telnet negotiation first: all are
// accepted. op names the command in errors.
func readReply(br *bufio.Reader, op string, onLine func(string)) (reply, error) {
	var r reply
	var total int
	var end string // what begins the last line of a multi-line reply
	for empty := 0; ; {
		line, err := readReplyLine(br, op)
		if err != nil {
			return r, err
		}
		if onLine != nil && (line != "" || end != "") {
			onLine(line)
		}
		if total += len(line) + 2; total > maxReply {
			return r, &ProtocolError{Op: op, Detail: fmt.Sprintf("reply longer than %d bytes", maxReply)}
		}
		if end != "" {
			if rest, ok := strings.CutPrefix(line, end); ok && (rest == "" || rest[0] == ' ') {
				r.lines = append(r.lines, strings.TrimPrefix(rest, " "))
				return r, nil
			}
			// The usual "211-text" continuation is shown without its code.
			if rest, ok := strings.CutPrefix(line, end+"-"); ok {
				line = rest
			}
			r.lines = append(r.lines, line)
			continue
		}
		if line == "" {
			if empty++; empty > 16 {
				return r, &ProtocolError{Op: op, Detail: "only empty lines"}
			}
			continue
		}
		code, ok := replyCode(line)
		if !ok {
			return r, &ProtocolError{Op: op, Detail: fmt.Sprintf("%q", clip(line, 80))}
		}
		r.code = code
		if len(line) == 3 || line[3] == ' ' {
			r.lines = []string{strings.TrimPrefix(line[3:], " ")}
			return r, nil
		}
		end = line[:3]
		r.lines = append(r.lines, line[4:])
	}
}

// replyCode reads the three digits that begin a reply. Codes from 100 to 659
// exist (6yz: RFC 2228).
func replyCode(line string) (code int, ok bool) {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, false
	}
	for i := range 3 {
		d := line[i]
		if d < '0' || d > '9' {
			return 0, false
		}
		code = code*10 + int(d-'0')
	}
	return code, code >= 100 && code < 660
}

// readReplyLine reads one line without its end and without Telnet commands.
func readReplyLine(br *bufio.Reader, op string) (string, error) {
	var long []byte
	for {
		part, err := br.ReadSlice('\n')
		if len(long)+len(part) > maxReplyLine {
			return "", &ProtocolError{Op: op, Detail: fmt.Sprintf("reply line longer than %d bytes", maxReplyLine)}
		}
		if err == nil {
			if long != nil {
				part = append(long, part...)
			}
			return cleanLine(part), nil
		}
		long = append(long, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			if err == io.EOF && len(long) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
	}
}

// Telnet bytes, RFC 854: servers that really speak it negotiate with these.
const (
	telnetWill = 251
	telnetIAC  = 255
)

// cleanLine removes the line end and Telnet commands.
func cleanLine(b []byte) string {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
	}
	if n := len(b); n > 0 && b[n-1] == '\r' {
		b = b[:n-1]
	}
	iac := strings.IndexByte(string(b), telnetIAC)
	if iac < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != telnetIAC || i+1 == len(b) {
			out = append(out, b[i])
			continue
		}
		i++
		switch {
		case b[i] == telnetIAC:
			out = append(out, telnetIAC)
		case b[i] >= telnetWill: // WILL, WONT, DO, DONT: one option byte follows
			i++
		}
	}
	return string(out)
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}
