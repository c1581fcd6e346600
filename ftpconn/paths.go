package ftpconn

import (
	"context"
	"fmt"
	"path"
	"strings"
)

// at translates a path of the mount into what a command takes: the commands
// that must precede it, and its argument.
//
// On a server whose PWD shows a Unix path, that is one absolute path. On
// others (VMS, MVS) paths count from the login directory, to which the
// session goes back first.
func (c *Conn) at(name string) (ahead []command, arg string, err error) {
	wire, err := c.cfg.encodeName(name)
	if err != nil {
		return nil, "", err
	}
	root := c.srv.facts().root
	if strings.HasPrefix(root, "/") {
		return nil, path.Join(root, wire), nil
	}
	if c.cwd != root && root != "" {
		ahead = append(ahead, command{"CWD", root})
	}
	return ahead, strings.TrimPrefix(wire, "/"), nil
}

// into returns the commands that make a directory the current one.
//
// A directory that is current already is entered again where that costs no
// round trip: it may have been moved away and another one put in its place,
// and the server would go on showing the old one.
func (c *Conn) into(dir string) (commands []command, err error) {
	commands, arg, err := c.at(dir)
	if err != nil || arg == "" || arg == c.cwd && !c.mayQueue() {
		return commands, err
	}
	return append(commands, command{"CWD", arg}), nil
}

// findRoot works out what Config.Root is on this server, by going there.
func (c *Conn) findRoot(ctx context.Context) error {
	c.srv.mu.Lock()
	root, login := c.srv.root, c.srv.loginDir
	c.srv.mu.Unlock()
	if root != "" {
		return nil
	}
	want := c.cfg.Root
	if want == "" {
		if login == "" {
			// PWD is refused: "/" is right wherever such servers were seen.
			login = "/"
		}
		c.srv.learn(func(s *server) { s.root = login })
		return nil
	}
	if strings.HasPrefix(login, "/") && !strings.HasPrefix(want, "/") {
		want = path.Join(login, want)
	}
	if strings.HasPrefix(want, "/") {
		want = path.Clean(want)
	}
	wire, err := c.cfg.encodeName(want)
	if err != nil {
		return err
	}
	if _, err := c.do(ctx, "CWD", wire); err != nil {
		return fmt.Errorf("directory %s: %w", Printable(want), err)
	}
	r, err := c.do(ctx, "PWD", "")
	if c.broken != nil {
		return err
	}
	if err == nil {
		// The server's own word is better where it gives one: Root may lead
		// through a symbolic link. "." of a home directory would not do.
		if dir, ok := parsePathname(r.text()); ok && (strings.HasPrefix(dir, "/") || !strings.HasPrefix(want, "/")) {
			wire = dir
		}
	}
	c.srv.learn(func(s *server) { s.root = wire })
	return nil
}
