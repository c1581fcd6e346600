package ftpconn

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

var errNoAddress = errors.New("no address in the reply")

// parsePassive reads the text of a 227 reply, RFC 959 section 4.1.2: six
// numbers h1,h2,h3,h4,p1,p2. The port is p1·256 + p2. Servers differ in what
// stands around the numbers, brackets are often missing; so the first run of
// six numbers counts.
func parsePassive(text string) (netip.AddrPort, error) {
	for i := 0; i < len(text); i++ {
		if !isDigit(text[i]) || i > 0 && (isDigit(text[i-1]) || text[i-1] == ',') {
			continue
		}
		if n, ok := sixNumbers(text[i:]); ok {
			port := uint16(n[4])<<8 | uint16(n[5])
			if port == 0 {
				return netip.AddrPort{}, errors.New("port 0")
			}
			host := netip.AddrFrom4([4]byte{n[0], n[1], n[2], n[3]})
			return netip.AddrPortFrom(host, port), nil
		}
	}
	return netip.AddrPort{}, errNoAddress
}

// sixNumbers reads six numbers from 0 to 255 with commas between them.
func sixNumbers(s string) (n [6]byte, ok bool) {
	for i := range n {
		end := 0
		for end < len(s) && end < 4 && isDigit(s[end]) {
			end++
		}
		v, err := strconv.ParseUint(s[:end], 10, 8)
		if err != nil {
			return n, false
		}
		n[i] = byte(v)
		s = s[end:]
		if i < 5 {
			if s == "" || s[0] != ',' {
				return n, false
			}
			s = strings.TrimLeft(s[1:], " ")
		}
	}
	return n, s == "" || s[0] != ','
}

// parseExtendedPassive reads the port from the text of a 229 reply, RFC 2428
// section 3: "(|||port|)", with any delimiter from 33 to 126.
func parseExtendedPassive(text string) (port uint16, err error) {
	open := strings.LastIndexByte(text, '(')
	if open < 0 || len(text) < open+6 {
		return 0, errNoAddress
	}
	s := text[open+1:]
	delimiter := s[0]
	if delimiter < 33 || delimiter > 126 || isDigit(delimiter) {
		return 0, errNoAddress
	}
	fields := strings.Split(s, string(delimiter))
	if len(fields) < 5 {
		return 0, errNoAddress
	}
	p, err := strconv.ParseUint(fields[3], 10, 16)
	if err != nil {
		return 0, fmt.Errorf("port %q", clip(fields[3], 20))
	}
	if p == 0 {
		return 0, errors.New("port 0")
	}
	return uint16(p), nil
}

// portArgument is what PORT takes: the address's octets and the port's.
func portArgument(a netip.AddrPort) string {
	ip, port := a.Addr().As4(), a.Port()
	return fmt.Sprintf("%d,%d,%d,%d,%d,%d", ip[0], ip[1], ip[2], ip[3], port>>8, port&0xff)
}

// extendedPortArgument is what EPRT takes, RFC 2428 section 2.
func extendedPortArgument(a netip.AddrPort) string {
	family := 2
	if a.Addr().Is4() {
		family = 1
	}
	return fmt.Sprintf("|%d|%s|%d|", family, a.Addr().WithZone(""), a.Port())
}

// parsePathname reads the directory from the text of a 257 reply, RFC 959
// appendix II: it stands in double quotes, and a quote in it is doubled.
// Servers that leave the quotes away send the path as the first word.
func parsePathname(text string) (string, bool) {
	start := strings.IndexByte(text, '"')
	if start < 0 {
		word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
		return word, word != ""
	}
	var b strings.Builder
	for i := start + 1; i < len(text); i++ {
		if text[i] != '"' {
			b.WriteByte(text[i])
			continue
		}
		if i+1 < len(text) && text[i+1] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		return b.String(), b.Len() > 0
	}
	return "", false
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }
