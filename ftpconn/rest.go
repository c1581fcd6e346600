package ftpconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// restWorks says whether REST is known to work. Some servers take the command
// and send the file from its begin all the same, which nobody could tell from
// the bytes; so servers that are not known for it have to prove it once.
func (c *Conn) restWorks() tristate {
	facts := c.srv.facts()
	switch facts.software {
	case vsftpd, proftpd, pureftpd, pyftpdlib, filezilla:
		if facts.rest == unknown {
			return yes
		}
	}
	return facts.rest
}

// proveRest finds out whether REST works, by asking for the last byte of a
// file: more than one byte means that it was ignored, or that the file has
// grown meanwhile. In doubt the answer is unknown.
func (c *Conn) proveRest(ctx context.Context, arg string, size int64, ahead []command) (tristate, error) {
	if size < 2 {
		return unknown, nil
	}
	c.restLeft = true
	t, err := c.transfer(ctx, command{"RETR", arg}, append(ahead[:len(ahead):len(ahead)], command{"REST", strconv.FormatInt(size-1, 10)})...)
	if restRefused(err) && c.broken == nil {
		return c.learnRest(no, "it is refused"), nil
	}
	if err != nil {
		return unknown, err
	}
	c.restLeft = false
	var two [2]byte
	n, err := io.ReadFull(t, two[:])
	switch {
	case n == len(two):
		t.abandon()
		if c.broken != nil {
			return unknown, c.broken
		}
		// The directory may be another one, if ahead has CWD: arg counts from there.
		r, err := c.do(ctx, "SIZE", arg)
		if c.broken != nil {
			return unknown, c.broken
		}
		if err != nil || parseSize(r.text()) != size {
			return unknown, nil
		}
		return c.learnRest(no, "it is ignored"), nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		_, err := t.finish()
		switch {
		case c.broken != nil || n == 0:
			return unknown, err
		case err != nil:
			return yes, nil // it most likely does; a cut looks the same
		}
		return c.learnRest(yes, ""), nil
	}
	t.abandon()
	return unknown, fmt.Errorf("RETR %s: %w: %w", Printable(arg), ErrShort, err)
}

func (c *Conn) learnRest(works tristate, reason string) tristate {
	c.srv.learn(func(s *server) { s.rest = works })
	if works == no {
		c.cfg.Logger.Warn("the server can not begin in the middle of a file: all that lies before is transferred, too", "REST", reason)
	}
	return works
}

// restRefused says that a transfer failed because the server does not know REST.
func restRefused(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Op == "REST" && refused.Code/100 == 5
}

// retrThrough starts a transfer at the begin of a file and takes what lies
// before the offset off it.
func (c *Conn) retrThrough(ctx context.Context, arg string, offset int64, ahead []command) (*transfer, error) {
	if c.restLeft {
		ahead = append(ahead[:len(ahead):len(ahead)], command{"REST", "0"})
	}
	t, err := c.transfer(ctx, command{"RETR", arg}, ahead...)
	if restRefused(err) && c.restLeft && c.broken == nil {
		t, err = c.transfer(ctx, command{"RETR", arg}, ahead[:len(ahead)-1]...)
	}
	c.restLeft = false
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = t.data.Close() })
	_, err = io.CopyN(io.Discard, t, offset)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		t.abandon()
		return nil, errors.Join(ErrShort, err)
	}
	t.bytes.Store(0)
	return t, nil
}
