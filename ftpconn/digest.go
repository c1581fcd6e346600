package ftpconn

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"strings"
	"time"
)

// ErrMismatch says that content is not what the server says it is.
var ErrMismatch = errors.New("content differs from the server's checksum")

// Digest is a way in which a server tells the checksum of a file.
type Digest struct {
	Command string // such as "HASH SHA-256" or "XCRC"
	New     func() hash.Hash

	verb   string
	option string // the argument of OPTS HASH before it; "" if that is the default
}

// algorithms are those of HASH (draft-ietf-ftpext2-hash), the best first.
var algorithms = []struct {
	name string
	make func() hash.Hash
}{
	{"SHA-256", sha256.New}, {"SHA-512", sha512.New}, {"SHA-1", sha1.New}, {"MD5", md5.New},
	{"CRC32", func() hash.Hash { return crc32.NewIEEE() }},
}

// Digest returns the best way that the server names in its features.
func (p *Pool) Digest() (Digest, bool) {
	f := p.srv.facts().features
	if offered := f["HASH"]; offered != "" {
		for _, a := range algorithms {
			for _, o := range strings.Split(offered, ";") {
				name, isDefault := strings.CutSuffix(strings.TrimSpace(o), "*")
				if !strings.EqualFold(name, a.name) {
					continue
				}
				d := Digest{Command: "HASH " + a.name, New: a.make, verb: "HASH", option: name}
				if isDefault {
					d.option = ""
				}
				return d, true
			}
		}
	}
	for _, x := range []struct {
		verb string
		make func() hash.Hash
	}{{"XSHA256", sha256.New}, {"XMD5", md5.New}, {"XCRC", func() hash.Hash { return crc32.NewIEEE() }}} {
		if f.has(x.verb) {
			return Digest{Command: x.verb, New: x.make, verb: x.verb}, true
		}
	}
	return Digest{}, false
}

// hashRate is how many bytes a second a server is trusted to hash: so much
// longer than Config.Timeout it may be silent.
const hashRate = 50 << 20

// Sum asks for the checksum of a file of a size.
func (p *Pool) Sum(ctx context.Context, name string, d Digest, size int64, lane Lane) ([]byte, error) {
	var sum []byte
	err := p.do(ctx, lane, func(c *Conn) error {
		ahead, arg, err := c.at(name)
		if err != nil {
			return err
		}
		if d.option != "" {
			ahead = append(ahead, command{"OPTS", "HASH " + d.option})
		}
		c.setTimeout(c.cfg.Timeout + time.Duration(max(0, size)/hashRate)*time.Second)
		defer c.setTimeout(c.cfg.Timeout)
		replies, errs, err := c.batch(ctx, append(ahead, command{d.verb, arg})...)
		if err != nil {
			return err
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
		text := replies[len(replies)-1].text()
		if sum = parseSum(text, d.New().Size()); sum == nil {
			return &Error{Op: d.verb, Path: name, Code: replies[len(replies)-1].code, Msg: text, Kind: ErrNotSupported}
		}
		return nil
	})
	return sum, err
}

// parseSum finds a checksum of so many bytes in a reply: "SHA-256 0-49 hex
// name", "hex", "XCRC hex", among others. CRCs come without leading zeros,
// too.
func parseSum(text string, size int) []byte {
	for _, word := range strings.Fields(text) {
		word = strings.Trim(word, `"',;`)
		if size == crc32.Size && len(word) < 2*size {
			word = fmt.Sprintf("%0*s", 2*size, word)
		}
		if sum, err := hex.DecodeString(word); err == nil && len(sum) == size {
			return sum
		}
	}
	return nil
}
