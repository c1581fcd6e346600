package ftpconn

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// timeMethod is a way to set a modification time. There is no standard; MFMT,
// of a draft, is the best of them.
type timeMethod int

const (
	byMFMT   timeMethod = iota // MFMT time path
	byMDTM                     // MDTM time path: vsftpd, and servers of old
	byUTIME                    // SITE UTIME time path
	byUTIME5                   // SITE UTIME path atime mtime ctime UTC
	timeMethods
)

// timeForm is how servers write times, RFC 3659 section 2.3.
const timeForm = "20060102150405"

func (m timeMethod) command(arg string, t time.Time) command {
	stamp := t.UTC().Format(timeForm)
	switch m {
	case byMFMT:
		return command{"MFMT", stamp + " " + arg}
	case byMDTM:
		return command{"MDTM", stamp + " " + arg}
	case byUTIME:
		return command{"SITE", "UTIME " + stamp + " " + arg}
	}
	return command{"SITE", fmt.Sprintf("UTIME %s %s %s %s UTC", arg, stamp, stamp, stamp)}
}

// maxVague is how many refusals that do not say whether the server knows the
// command at all are taken before it is believed that no way works.
const maxVague = 3

// timeSetting is what was learned of how a server sets times.
type timeSetting struct {
	method timeMethod // that works if sure, or that is tried first
	sure   bool
	vague  int // times that no method worked, for reasons not certain
}

// possible says whether it is worth a try.
func (s timeSetting) possible() bool { return s.method < timeMethods && (s.sure || s.vague < maxVague) }

// firstTimeMethod is where the search begins.
func (c *Conn) firstTimeMethod() timeSetting {
	facts := c.srv.facts()
	set := facts.setTime
	if set.method == byMFMT && !set.sure {
		switch {
		case facts.features.has("MFMT"):
			set.sure = true
		case len(facts.features) > 0:
			set.method = byMDTM
		}
	}
	return set
}

// SetTime sets a modification time, to the second. ErrNotSupported means that
// the server has no way to do it.
func (p *Pool) SetTime(ctx context.Context, name string, t time.Time) error {
	return p.change(ctx, change{
		do: func(c *Conn) error { return c.setTime(ctx, name, t) },
		done: func(c *Conn, err error) bool {
			if err != nil {
				return false
			}
			e, err := c.stat(ctx, name)
			return err == nil && sameTime(e, t)
		},
	})
}

// sameTime says that an entry is known to have this time.
func sameTime(e Entry, t time.Time) bool {
	return !e.ModTime.IsZero() && e.ModTime.Unix() == t.Unix()
}

// setTime tries the ways to set a time until one works, which is then used for
// all that follow. Before that, each try is looked at: a reply 213 to MDTM may
// also be that of a server which took no notice of the time.
func (c *Conn) setTime(ctx context.Context, name string, t time.Time) error {
	set := c.firstTimeMethod()
	if year := t.UTC().Year(); !set.possible() || year < 1970 || year > 9999 {
		return fmt.Errorf("set time of %s: %w", Printable(name), ErrNotSupported)
	}
	arg, err := c.target(ctx, name)
	if err != nil {
		return err
	}
	if set.sure {
		cmd := set.method.command(arg, t)
		_, err = c.do(ctx, cmd.verb, cmd.arg)
		if !errors.Is(err, ErrNotSupported) {
			return c.meaning(err, func() error { return c.whyObject(ctx, name) })
		}
		// FEAT promised what the server does not do.
		set = timeSetting{method: set.method + 1}
		c.srv.learn(func(s *server) { s.setTime = set })
	}
	var refusal error // that may be about the file
	for m := set.method; m < timeMethods; m++ {
		worked, err := c.tryTime(ctx, m, name, arg, t)
		switch {
		case c.broken != nil:
			return c.broken
		case worked:
			c.srv.learn(func(s *server) { s.setTime = timeSetting{method: m, sure: true} })
			return nil
		case err != nil && !errors.Is(err, ErrNotSupported) && refusal == nil:
			refusal = err
		}
	}
	if refusal == nil {
		c.srv.learn(func(s *server) { s.setTime.method = timeMethods })
		return fmt.Errorf("set time of %s: %w", Printable(name), ErrNotSupported)
	}
	if err := c.whyObject(ctx, name); err != nil && absence(err) != nil && !isPermission(err) {
		return c.meaning(refusal, func() error { return err })
	}
	// The file is there, so that the server does not know the command, or does
	// not allow it to this user.
	c.srv.learn(func(s *server) {
		if !s.setTime.sure {
			s.setTime.vague++
		}
	})
	return fmt.Errorf("%w: %w", ErrNotSupported, refusal)
}

// tryTime sends one form of the command, and looks.
func (c *Conn) tryTime(ctx context.Context, m timeMethod, name, arg string, t time.Time) (worked bool, err error) {
	cmd := m.command(arg, t)
	look := command{"MDTM", arg}
	machine := c.srv.facts().features.has("MLST")
	if machine {
		look.verb = "MLST"
	}
	replies, errs, err := c.batch(ctx, cmd, look)
	switch {
	case err != nil:
		return false, err
	case errs[0] != nil:
		return false, errs[0]
	case notDone(replies[0]):
		return false, notSupported(cmd, replies[0])
	case errs[1] != nil:
		return true, nil // a directory, for one: the server's word must do
	}
	var e Entry
	if machine {
		e, _ = c.factsOf(name, replies[1])
	} else {
		e.ModTime, _ = parseTime(replies[1].text())
	}
	if !e.ModTime.IsZero() && !sameTime(e, t) {
		return false, nil
	}
	return true, nil
}

// notDone recognises replies that are positive by their class alone: 202 says
// that the command was not implemented.
func notDone(r reply) bool { return r.code == codeSuperfluous || r.class() != 2 }

// notSupported is the error of a reply that notDone recognised.
func notSupported(cmd command, r reply) error {
	e := newError(cmd.verb, cmd.arg, r)
	e.Kind = ErrNotSupported
	return e
}
