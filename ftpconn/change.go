package ftpconn

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"ftpfs/ftpconn/listing"
)

// lookWait is how long it is tried to find out what became of a command whose
// reply did not come in time. The user has waited long enough.
const lookWait = 10 * time.Second

// change is work that changes something on the server.
type change struct {
	// do sends the commands and says what a refusal means.
	do func(*Conn) error

	// done looks whether the change was made, after err, a refusal, or nil if
	// none came. Nil: do may be repeated without a look.
	done func(c *Conn, err error) bool
}

// change makes a change. If the connection breaks before the reply, the
// server may have done it or not: it is tried again on another connection, and
// a refusal then may come from the first try's success. After a timeout there
// is only a look.
func (p *Pool) change(ctx context.Context, w change) error {
	var lost error // of a try that may have been executed
	for try := 0; ; try++ {
		c, err := p.get(ctx, LaneMeta)
		if err != nil {
			return inDoubt(ctx, lost, err)
		}
		err = w.do(c)
		if c.broken == nil {
			var refused *Error
			if err != nil && lost != nil && w.done != nil && errors.As(err, &refused) && w.done(c, err) {
				err = nil
			}
			p.put(c)
			if err != nil && ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
		again := ctx.Err() == nil && p.worthRetry(c, err, try)
		late := errors.Is(err, ErrTimeout)
		p.put(c)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case late && p.happened(ctx, w):
			return nil
		case !again:
			return inDoubt(ctx, err, err)
		}
		lost = err
	}
}

// inDoubt is the error of a change that may have been made, if lost is not nil.
func inDoubt(ctx context.Context, lost, err error) error {
	if lost == nil || ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("%w (%w)", err, ErrInDoubt)
}

// happened looks for a change that was not answered, if a connection can be had
// quickly.
func (p *Pool) happened(ctx context.Context, w change) bool {
	if w.done == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	c, err := p.get(ctx, LaneMeta)
	if err != nil {
		return false
	}
	defer p.put(c)
	defer c.interruptOn(ctx)()
	return w.done(c, nil)
}

// target returns the argument for a path, with the session where that argument
// counts from.
func (c *Conn) target(ctx context.Context, name string) (string, error) {
	ahead, arg, err := c.at(name)
	if err != nil {
		return "", err
	}
	for _, a := range ahead {
		if _, err := c.do(ctx, a.verb, a.arg); err != nil {
			return "", err
		}
	}
	return arg, nil
}

// simple is a command with a path.
func (c *Conn) simple(ctx context.Context, verb, name string, why func(context.Context, string) error) error {
	arg, err := c.target(ctx, name)
	if err != nil {
		return err
	}
	if _, err = c.do(ctx, verb, arg); err != nil {
		return c.meaning(err, func() error { return why(ctx, name) })
	}
	return nil
}

// stepOut leaves a directory that is to be removed or renamed: Windows does not
// let that be done to one in which somebody is.
func (c *Conn) stepOut(ctx context.Context, dir string) error {
	facts := c.srv.facts()
	arg, err := c.target(ctx, dir)
	if err != nil || facts.software.onUnix() || c.cwd != arg && !strings.HasPrefix(c.cwd, arg+"/") {
		return err
	}
	_, err = c.do(ctx, "CWD", facts.root)
	return err
}

// gone says that there is no such name.
func (c *Conn) gone(ctx context.Context, name string, refusal error) bool {
	if refusal == nil {
		_, refusal = c.stat(ctx, name)
	}
	return errors.Is(refusal, fs.ErrNotExist)
}

// Remove removes a file, or a symbolic link.
func (p *Pool) Remove(ctx context.Context, name string) error {
	return p.change(ctx, change{
		do:   func(c *Conn) error { return c.simple(ctx, "DELE", name, c.whyFile) },
		done: func(c *Conn, err error) bool { return c.gone(ctx, name, err) },
	})
}

// Rmdir removes an empty directory.
func (p *Pool) Rmdir(ctx context.Context, name string) error {
	return p.change(ctx, change{
		do: func(c *Conn) error {
			if err := c.stepOut(ctx, name); err != nil {
				return err
			}
			return c.simple(ctx, "RMD", name, c.whyDirectory)
		},
		done: func(c *Conn, err error) bool { return c.gone(ctx, name, err) },
	})
}

// Mkdir makes a directory.
func (p *Pool) Mkdir(ctx context.Context, name string) error {
	return p.change(ctx, change{
		do: func(c *Conn) error { return c.simple(ctx, "MKD", name, c.whyNew) },
		done: func(c *Conn, err error) bool {
			if err != nil && !errors.Is(err, fs.ErrExist) {
				return false
			}
			e, err := c.stat(ctx, name)
			return err == nil && e.Type == listing.Dir
		},
	})
}

// Rename gives an object another path. Whether a file that has it already is
// replaced is the server's choice; if it refuses, that is fs.ErrExist.
func (p *Pool) Rename(ctx context.Context, from, to string) error {
	return p.change(ctx, change{
		do: func(c *Conn) error { return c.rename(ctx, from, to) },
		done: func(c *Conn, err error) bool {
			if !c.gone(ctx, from, err) {
				return false
			}
			_, err = c.stat(ctx, to)
			return err == nil
		},
	})
}

// rename sends RNFR and RNTO. They may go together: without the one the other
// is refused.
func (c *Conn) rename(ctx context.Context, from, to string) error {
	if err := c.stepOut(ctx, from); err != nil {
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
	return c.pair(ctx, command{"RNFR", fromArg}, command{"RNTO", toArg},
		func() error { return c.whyObject(ctx, from) },
		func() error { return c.whyTarget(ctx, from, to) })
}

// pair sends two commands of which the second needs the first.
func (c *Conn) pair(ctx context.Context, first, second command, whyFirst, whySecond func() error) error {
	if !c.mayQueue() {
		if _, err := c.do(ctx, first.verb, first.arg); err != nil {
			return c.meaning(err, whyFirst)
		}
		if _, err := c.do(ctx, second.verb, second.arg); err != nil {
			return c.meaning(err, whySecond)
		}
		return nil
	}
	_, errs, err := c.batch(ctx, first, second)
	switch {
	case err != nil:
		return err
	case errs[0] != nil:
		return c.meaning(errs[0], whyFirst)
	case errs[1] != nil:
		return c.meaning(errs[1], whySecond)
	}
	return nil
}
