package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"ftpfs/ftpconn"
)

// location is a parsed URL of a server's directory.
type location struct {
	scheme      string // ftp, ftps (TLS from the first byte) or ftpes (AUTH TLS)
	host        string
	port        int // 0: the default
	user        string
	password    string
	hasPassword bool

	// dir is the directory: relative to the login directory, unless it begins
	// with a slash; "" is the login directory. See RFC 1738 section 3.2.2: the
	// first slash only separates, so an absolute path needs two (or %2F).
	dir string
}

// parseLocation reads scheme://[user[:password]@]host[:port]/[directory].
// The scheme may be left away. Its errors never repeat the password.
func parseLocation(s string) (location, error) {
	var l location
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		scheme, rest = "ftp", s
	}
	switch l.scheme = strings.ToLower(scheme); l.scheme {
	case "ftp", "ftps", "ftpes":
	default:
		return l, fmt.Errorf("%q is no scheme that can be mounted; write ftp://host/directory, or ftps:// or ftpes:// for TLS", clipText(scheme))
	}
	authority, path, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		info := authority[:i]
		authority = authority[i+1:]
		user, password, has := strings.Cut(info, ":")
		var err1, err2 error
		l.user, err1 = url.PathUnescape(user)
		l.password, err2 = url.PathUnescape(password)
		l.hasPassword = has
		if err1 != nil || err2 != nil {
			return location{}, errors.New("the user or password has a % that is no escape; write %25 for it")
		}
	}
	if err := l.setHost(authority); err != nil {
		return location{}, err
	}
	if i := strings.LastIndex(path, ";type="); i >= 0 {
		path = path[:i] // RFC 1738's suffix; everything is binary here
	}
	dir, err := url.PathUnescape(path)
	if err != nil {
		return location{}, errors.New("the directory has a % that is no escape; write %25 for it")
	}
	l.dir = dir
	if dir != "/" {
		l.dir = strings.TrimRight(dir, "/")
		if l.dir == "" && dir != "" {
			l.dir = "/"
		}
	}
	for _, part := range []string{l.user, l.password, l.dir, l.host} {
		if strings.ContainsAny(part, "\r\n\x00") {
			return location{}, errors.New("a URL must not have line ends or NUL in it")
		}
	}
	return l, nil
}

func (l *location) setHost(authority string) error {
	host, port := authority, ""
	if strings.HasPrefix(authority, "[") {
		end := strings.IndexByte(authority, ']')
		if end < 0 {
			return errors.New("the IPv6 address has no closing bracket")
		}
		host, port = authority[1:end], authority[end+1:]
		if port != "" && port[0] != ':' {
			return errors.New("after the IPv6 address only :port may follow")
		}
		port = strings.TrimPrefix(port, ":")
	} else if i := strings.LastIndexByte(authority, ':'); i >= 0 {
		if strings.Count(authority, ":") > 1 {
			return errors.New("write an IPv6 address in brackets, as in ftp://[::1]/")
		}
		host, port = authority[:i], authority[i+1:]
	}
	if host == "" {
		return errors.New("no host in the URL; write ftp://host/directory")
	}
	if strings.ContainsAny(host, " \t/\\?#%\"'<>") {
		return fmt.Errorf("%q is no host name", clipText(host))
	}
	l.host = host
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return fmt.Errorf("%q is no port", clipText(port))
		}
		l.port = int(n)
	}
	return nil
}

// String is the URL without the password: what others may see.
func (l location) String() string {
	var b strings.Builder
	b.WriteString(l.scheme + "://")
	if l.user != "" {
		b.WriteString(url.User(l.user).String() + "@")
	}
	if strings.Contains(l.host, ":") {
		b.WriteString("[" + l.host + "]")
	} else {
		b.WriteString(l.host)
	}
	if l.port != 0 && l.port != defaultPort(l.scheme) {
		fmt.Fprintf(&b, ":%d", l.port)
	}
	b.WriteString("/")
	b.WriteString((&url.URL{Path: l.dir}).EscapedPath())
	return b.String()
}

func defaultPort(scheme string) int {
	if scheme == "ftps" {
		return 990
	}
	return 21
}

func clipText(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return ftpconn.Printable(s)
}
