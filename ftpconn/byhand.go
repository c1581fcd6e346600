package ftpconn

import (
	"bufio"
	"io"
	"net/netip"
)

// What follows is for programs that let a user hold the conversation by hand.

// ReplyReader reads the replies of a control connection, RFC 959 section 4.2.
// It is not safe for concurrent use.
type ReplyReader struct{ br *bufio.Reader }

// NewReplyReader returns a ReplyReader of a control connection.
func NewReplyReader(r io.Reader) *ReplyReader {
	return &ReplyReader{bufio.NewReaderSize(r, maxReplyLine)}
}

// Read reads one reply, of one line or several, and calls onLine with each of
// its lines as it comes. The text is without the code, its lines joined by
// "\n". Errors are those of the connection, io.EOF among them, or a
// *ProtocolError.
func (r *ReplyReader) Read(op string, onLine func(line string)) (code int, text string, err error) {
	reply, err := readReply(r.br, op, onLine)
	if err != nil {
		return 0, "", err
	}
	return reply.code, reply.text(), nil
}

// Buffered is how many bytes of further replies have come already.
func (r *ReplyReader) Buffered() int { return r.br.Buffered() }

// PassiveAddress reads the address from the text of a 227 reply, RFC 959
// section 4.1.2.
func PassiveAddress(text string) (netip.AddrPort, error) { return parsePassive(text) }

// ExtendedPassivePort reads the port from the text of a 229 reply, RFC 2428
// section 3.
func ExtendedPassivePort(text string) (uint16, error) { return parseExtendedPassive(text) }
