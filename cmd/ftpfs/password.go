package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	netrc "github.com/jdx/go-netrc"
	"golang.org/x/term"
)

// findPassword completes user and password. In this order: the URL, the
// password file, FTPFS_PASSWORD, netrc, a prompt. No user means anonymous,
// unless netrc has one for the host.
func (a *app) findPassword(s *settings, l location) error {
	if l.user != "" {
		s.User = l.user
	}
	if l.hasPassword {
		s.Password = l.password
		return nil
	}
	if s.PasswordFile != "" {
		password, err := a.readPasswordFile(s.PasswordFile)
		s.Password = password
		return err
	}
	if p := a.env("FTPFS_PASSWORD"); p != "" {
		s.Password = p
		return nil
	}
	found, err := a.fromNetrc(s)
	if found || err != nil {
		return err
	}
	if s.User == "" || s.User == "anonymous" || s.User == "ftp" {
		return nil
	}
	return a.prompt(s)
}

// readPasswordFile returns the first line.
func (a *app) readPasswordFile(name string) (string, error) {
	var r io.Reader = a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("password file: %w", err)
		}
		defer func() { _ = f.Close() }()
		if err := isPrivate(f); err != nil {
			return "", err
		}
		r = f
	}
	line, err := bufio.NewReader(io.LimitReader(r, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("password file: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", fmt.Errorf("password file %s: its first line is empty", name)
	}
	return line, nil
}

// isPrivate refuses a file with a password that others can read: they may have
// done so.
func isPrivate(f *os.File) error {
	st, err := f.Stat()
	if err == nil && st.Mode().IsRegular() && st.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("%s has a password and can be read by others (%v); chmod 600 it", f.Name(), st.Mode().Perm())
	}
	return err
}

// fromNetrc looks the host up as ftp(1) does. A file that was named must
// exist; the usual one need not.
func (a *app) fromNetrc(s *settings) (found bool, err error) {
	name := s.NetrcFile
	named := name != ""
	if !named {
		name = a.env("NETRC")
	}
	if name == "" {
		home := a.env("HOME")
		if home == "" {
			return false, nil
		}
		name = filepath.Join(home, ".netrc")
	}
	f, err := os.Open(name)
	if err != nil {
		if named || !errors.Is(err, os.ErrNotExist) {
			return false, fmt.Errorf("netrc: %w", err)
		}
		return false, nil
	}
	private := isPrivate(f)
	_ = f.Close()
	n, err := netrc.Parse(name)
	if err != nil {
		return false, fmt.Errorf("netrc file %s: %w", name, err)
	}
	m := n.Machine(s.Host)
	if m == nil {
		return false, nil
	}
	login := m.Get("login")
	if s.User != "" && login != "" && s.User != login {
		return false, nil
	}
	if s.User == "" {
		s.User = login
	}
	if s.Password = m.Get("password"); s.Password != "" && private != nil && s.User != "anonymous" && s.User != "ftp" {
		return false, private
	}
	if s.Account == "" {
		s.Account = m.Get("account")
	}
	return s.Password != "", nil
}

// prompt asks for the password, without echo.
func (a *app) prompt(s *settings) error {
	stdin, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(stdin.Fd())) {
		return fmt.Errorf("no password for %s@%s: put it into ~/.netrc, --password-file or FTPFS_PASSWORD", s.User, s.Host)
	}
	_, _ = fmt.Fprintf(a.stderr, "Password for %s@%s: ", s.User, s.Host)
	password, err := term.ReadPassword(int(stdin.Fd()))
	_, _ = fmt.Fprintln(a.stderr)
	if err != nil {
		return fmt.Errorf("reading the password: %w", err)
	}
	s.Password = string(password)
	return nil
}
