package ftpconn

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// copyWait is how long a copy may take: the server answers when it is made.
const copyWait = 10 * time.Minute

// Copy copies a file on the server, as ProFTPD's mod_copy does. It is
// ErrNotSupported, without a command, where nothing says that the server can.
//
// What is there already may be replaced. The caller should look at the copy's
// size: a server that does not find the file may have made an empty one.
func (p *Pool) Copy(ctx context.Context, from, to string) error {
	if f := p.srv.facts(); f.known && !f.mayCopy() {
		return fmt.Errorf("copy to %s: %w", Printable(to), ErrNotSupported)
	}
	return p.change(ctx, change{do: func(c *Conn) error {
		if err := c.learnCopy(ctx); err != nil {
			return err
		}
		fromArg, err := c.target(ctx, from)
		if err != nil {
			return err
		}
		toArg, err := c.target(ctx, to)
		if err != nil {
			return err
		}
		c.setTimeout(max(copyWait, c.cfg.Timeout))
		defer c.setTimeout(c.cfg.Timeout)
		return c.pair(ctx, command{"SITE", "CPFR " + fromArg}, command{"SITE", "CPTO " + toArg},
			func() error { return c.whyObject(ctx, from) },
			func() error {
				if kind := c.whyStore(ctx, to); kind != nil {
					return kind
				}
				return fs.ErrPermission
			})
	}})
}

// mayCopy says whether the server can copy, or may be asked whether it can.
func (f serverFacts) mayCopy() bool {
	return f.canCopy == yes || f.features.has("SITE COPY") || f.canCopy == unknown && f.software == proftpd
}

// learnCopy asks once whether the server can copy.
func (c *Conn) learnCopy(ctx context.Context) error {
	f := c.srv.facts()
	if f.canCopy == yes || f.features.has("SITE COPY") {
		return nil
	}
	answer := no
	if f.canCopy == unknown && f.software == proftpd {
		r, err := c.do(ctx, "SITE", "HELP")
		if c.broken != nil {
			return err
		}
		if err == nil && strings.Contains(strings.ToUpper(r.text()), "CPFR") {
			answer = yes
		}
		c.srv.learn(func(s *server) { s.canCopy = answer })
	}
	if answer == no {
		return fmt.Errorf("copy: %w", ErrNotSupported)
	}
	return nil
}
