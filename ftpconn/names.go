package ftpconn

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// escapeBase is where bytes that do not decode in Config.Charset go: byte b
// becomes the private-use character U+F700+b, and comes back from it. A name
// that holds such characters already is not decoded at all, so that every
// name has exactly one way back.
const escapeBase = 0xF700

// decodeName turns a name as the server sent it into the one that users see.
func (cfg *Config) decodeName(wire string) string {
	if cfg.Charset == nil || isASCII(wire) {
		return wire
	}
	text, err := cfg.Charset.NewDecoder().String(wire)
	if err == nil && !strings.ContainsRune(text, utf8.RuneError) && !strings.ContainsFunc(text, isEscape) {
		// Some charsets read several byte strings as the same text.
		if back, err := cfg.Charset.NewEncoder().String(text); err == nil && back == wire && fitText(text) {
			return text
		}
	}
	var b strings.Builder
	for i := range len(wire) {
		if wire[i] < utf8.RuneSelf {
			b.WriteByte(wire[i])
		} else {
			b.WriteRune(escapeBase + rune(wire[i]))
		}
	}
	return b.String()
}

// encodeName is the way back. A name that the server's charset can not write
// is an error: nothing on the server can have it.
func (cfg *Config) encodeName(name string) (string, error) {
	if cfg.Charset == nil || isASCII(name) {
		return name, nil
	}
	if strings.ContainsFunc(name, isEscape) {
		var b strings.Builder
		for _, r := range name {
			switch {
			case isEscape(r):
				b.WriteByte(byte(r - escapeBase))
			case r < utf8.RuneSelf:
				b.WriteByte(byte(r))
			default:
				return "", fmt.Errorf("%s: %w: mixes characters and escaped bytes", Printable(name), ErrName)
			}
		}
		return b.String(), nil
	}
	wire, err := cfg.Charset.NewEncoder().String(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w: not in the server's charset", Printable(name), ErrName)
	}
	return wire, nil
}

func isEscape(r rune) bool { return r >= escapeBase+0x80 && r <= escapeBase+0xff }

// fitText refuses a decoding in which a slash or a control character appears
// that was not a byte of the name.
func fitText(text string) bool { return !strings.ContainsAny(text, "/\x00\r\n") }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// needsCWD says whether a path is better not given to LIST or MLSD as an
// argument: servers expand * ? [ ] { } ~ there, take what begins with "-" for
// options, and cut blanks at the ends.
func needsCWD(path string) bool {
	if strings.ContainsAny(path, "*?[]{}~\\\"'") {
		return true
	}
	return strings.Contains(path, "/-") || strings.HasPrefix(path, "-") ||
		strings.HasSuffix(path, " ") || strings.Contains(path, " /") || strings.Contains(path, "/ ") ||
		strings.HasPrefix(path, " ")
}
