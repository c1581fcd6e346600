package ftpconn

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"ftpfs/ftpconn/listing"
)

// stat asks for one object, without a listing where the server can do that.
// fs.ErrNotExist is answered only after a second look.
func (c *Conn) stat(ctx context.Context, name string) (Entry, error) {
	if name == "/" {
		return Entry{Name: "/", Type: listing.Dir, Size: -1}, nil
	}
	e, err := c.look(ctx, name)
	if err == nil || c.broken != nil || errors.Is(err, ErrName) {
		return e, err
	}
	return c.findInParent(ctx, name, err)
}

// look asks the server about one path: by MLST, or by the commands that only
// a file, or only a directory, answers.
func (c *Conn) look(ctx context.Context, name string) (Entry, error) {
	if c.srv.facts().features.has("MLST") {
		e, err := c.statFacts(ctx, name)
		if !errors.Is(err, ErrNotSupported) {
			return e, err
		}
	}
	ahead, arg, err := c.at(name)
	if err != nil {
		return Entry{}, err
	}
	n := len(ahead)
	replies, errs, err := c.batch(ctx, append(ahead, command{"SIZE", arg}, command{"MDTM", arg}, command{"CWD", arg})...)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Name: path.Base(name), Size: -1}
	if errs[n+2] == nil {
		e.Type = listing.Dir
		return e, nil
	}
	if errs[n] != nil {
		return Entry{}, errs[n+2]
	}
	e.Type = listing.File
	e.Size = parseSize(replies[n].text())
	if t, ok := parseTime(replies[n+1].text()); ok && errs[n+1] == nil {
		e.ModTime, e.ModPrec = t, listing.Second
	}
	return e, nil
}

// parseSize reads the text of the reply to SIZE; -1 if it is no size.
func parseSize(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// statFacts uses MLST, RFC 3659 section 7.2.
func (c *Conn) statFacts(ctx context.Context, name string) (Entry, error) {
	ahead, arg, err := c.at(name)
	if err != nil {
		return Entry{}, err
	}
	n := len(ahead)
	replies, errs, err := c.batch(ctx, append(ahead, command{"MLST", arg})...)
	if err != nil {
		return Entry{}, err
	}
	if errs[n] != nil {
		return Entry{}, errs[n]
	}
	return c.factsOf(name, replies[n])
}

// factsOf reads the entry of a path out of the reply to MLST.
func (c *Conn) factsOf(name string, r reply) (Entry, error) {
	for _, line := range r.lines {
		if !strings.Contains(line, "=") || !strings.Contains(line, ";") {
			continue
		}
		// The fact "type" of the directory that was asked for may be cdir.
		line = strings.TrimLeft(line, " ")
		e, err := listing.ParseFacts([]byte(asPlainDir(line)))
		if err != nil {
			continue
		}
		e.Name = path.Base(name)
		e.Target = c.cfg.decodeName(e.Target)
		return e, nil
	}
	return Entry{}, fmt.Errorf("MLST %s: %w: %q", Printable(name), ErrBadListing, r.lines)
}

// asPlainDir gives an MLST line the type dir for cdir and pdir, and puts a
// harmless name where servers repeat the full path.
func asPlainDir(line string) string {
	facts, _, _ := strings.Cut(line, " ")
	lower := strings.ToLower(facts)
	for _, t := range []string{"type=cdir;", "type=pdir;"} {
		if i := strings.Index(lower, t); i >= 0 {
			facts = facts[:i] + "type=dir;" + facts[i+len(t):]
			break
		}
	}
	return facts + " x"
}

// findInParent is the second look after err, a refusal of name: the listing
// of its directory shows whether it exists. The error that it returns says
// what the refusal meant, or is err itself if that can not be found out.
func (c *Conn) findInParent(ctx context.Context, name string, err error) (Entry, error) {
	var refused *Error
	if !errors.As(err, &refused) {
		return Entry{}, err
	}
	if name == "/" {
		return Entry{}, err
	}
	dir, base := path.Split(name)
	dir = path.Clean(dir)
	parent, listErr := c.list(ctx, dir)
	if c.broken != nil {
		return Entry{}, c.broken
	}
	if listErr != nil {
		// The parent is refused as well: the reason is further up.
		if dir != "/" {
			above, aboveErr := c.findInParent(ctx, dir, listErr)
			switch {
			case c.broken != nil:
				return Entry{}, c.broken
			case aboveErr == nil && above.Type == listing.Dir:
				refused.Kind = fs.ErrPermission
			case aboveErr == nil && above.Type != listing.Symlink:
				refused.Kind = ErrNotDir
			case errors.Is(aboveErr, fs.ErrNotExist):
				refused.Kind = fs.ErrNotExist
			}
		}
		return Entry{}, err
	}
	for _, e := range parent.Entries {
		if e.Name == base {
			return e, nil
		}
	}
	if parent.Complete {
		refused.Kind = fs.ErrNotExist
	}
	return Entry{}, err
}

// explain finds out what a refusal of name means and notes it in the error.
// want is the type that the command needs; an object of another type is the
// reason, one of this type means that the user may not use it.
func (c *Conn) explain(ctx context.Context, name string, want listing.Type, err error) error {
	var refused *Error
	if !errors.As(err, &refused) || refused.Kind != nil || c.broken != nil {
		return err
	}
	switch refused.Code {
	case codeUnavailable, codeNameNotAllowed, codeBadArgument, codeBusy, codeLocalError, codeNotLoggedIn:
	default:
		return err
	}
	var e Entry
	var second error
	if want == listing.Dir {
		e, second = c.findInParent(ctx, name, err)
	} else {
		e, second = c.stat(ctx, name)
	}
	if c.broken != nil {
		return err
	}
	switch {
	case errors.Is(second, fs.ErrNotExist):
		refused.Kind = fs.ErrNotExist
	case errors.Is(second, ErrNotDir):
		refused.Kind = ErrNotDir
	case second != nil:
	case e.Type == want && refused.Code != codeBusy && refused.Code != codeLocalError:
		refused.Kind = fs.ErrPermission
	case e.Type == listing.Dir && want == listing.File:
		refused.Kind = ErrIsDir
	case e.Type == listing.File && want == listing.Dir:
		refused.Kind = ErrNotDir
	}
	return err
}
