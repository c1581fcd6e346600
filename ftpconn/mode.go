package ftpconn

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// siteCommand is one of the commands of SITE, none of which every server has.
type siteCommand int

const (
	siteCHMOD siteCommand = iota
	siteSYMLINK
	siteCommands
)

var siteNames = [siteCommands]string{"CHMOD", "SYMLINK"}

// site sends a SITE command. Once the server was seen not to know it, nothing
// is sent any more.
func (c *Conn) site(ctx context.Context, s siteCommand, argument string) error {
	if c.srv.facts().noSite[s] {
		return fmt.Errorf("SITE %s: %w", siteNames[s], ErrNotSupported)
	}
	cmd := command{"SITE", siteNames[s] + " " + argument}
	r, err := c.do(ctx, cmd.verb, cmd.arg)
	return c.siteResult(s, cmd, r, err)
}

// siteResult looks at the reply to a SITE command.
func (c *Conn) siteResult(s siteCommand, cmd command, r reply, err error) error {
	if err == nil && notDone(r) {
		err = notSupported(cmd, r)
	}
	if errors.Is(err, ErrNotSupported) {
		c.srv.learn(func(srv *server) { srv.noSite[s] = true })
	}
	return err
}

// chmodArgument is what follows SITE CHMOD.
func chmodArgument(perm uint32, arg string) string { return fmt.Sprintf("%03o %s", perm&0o7777, arg) }

// SetMode sets the permission bits. ErrNotSupported means that the server has
// none, or does not let them be changed.
func (p *Pool) SetMode(ctx context.Context, name string, perm uint32) error {
	return p.change(ctx, change{
		do: func(c *Conn) error {
			arg, err := c.target(ctx, name)
			if err != nil {
				return err
			}
			if err := c.site(ctx, siteCHMOD, chmodArgument(perm, arg)); err != nil {
				return c.meaning(err, func() error { return c.whyObject(ctx, name) })
			}
			return nil
		},
		done: func(c *Conn, err error) bool {
			if err != nil {
				return false
			}
			e, err := c.stat(ctx, name)
			return err == nil && e.HasMode && uint32(e.Mode) == perm&0o777
		},
	})
}

// Symlink makes a symbolic link at name. ErrNotSupported means that the server
// can not; few can.
//
// The command takes two names apart by the blank between them, so neither may
// hold one.
func (p *Pool) Symlink(ctx context.Context, target, name string) error {
	if strings.ContainsAny(target, " \t") || strings.ContainsAny(name, " \t") {
		return fmt.Errorf("symbolic link %s: a name with a blank: %w", Printable(name), ErrNotSupported)
	}
	wire, err := p.cfg.encodeName(target)
	if err != nil {
		return err
	}
	return p.change(ctx, change{
		do: func(c *Conn) error {
			arg, err := c.target(ctx, name)
			if err != nil {
				return err
			}
			if err := c.site(ctx, siteSYMLINK, wire+" "+arg); err != nil {
				return c.meaning(err, func() error { return c.whyNew(ctx, name) })
			}
			return nil
		},
		done: func(c *Conn, err error) bool {
			if err != nil && !errors.Is(err, fs.ErrExist) {
				return false
			}
			e, err := c.findInParent(ctx, name, &Error{Op: "SITE"})
			return err == nil && (e.Target == target || e.Target == "")
		},
	})
}

func isPermission(err error) bool { return errors.Is(err, fs.ErrPermission) }
