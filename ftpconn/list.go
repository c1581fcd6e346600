package ftpconn

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ftpfs/ftpconn/listing"
)

// maxListingLine bounds one line of a listing; longer ones are skipped and
// counted as not understood.
const maxListingLine = 64 << 10

// list reads one directory.
func (c *Conn) list(ctx context.Context, dir string) (*Listing, error) {
	if c.srv.facts().features.machineListings() {
		l, err := c.listMachine(ctx, dir)
		if !errors.Is(err, ErrNotSupported) || c.broken != nil {
			return l, err
		}
		// FEAT promised what the server does not do.
		c.srv.learn(func(s *server) {
			s.features = without(s.features, "MLST", "MLSD")
		})
	}
	l, err := c.listLong(ctx, dir)
	if err != nil {
		return nil, err
	}
	return l, c.exactTimes(ctx, dir, l)
}

// listMachine uses MLSD, RFC 3659 section 7.
func (c *Conn) listMachine(ctx context.Context, dir string) (*Listing, error) {
	ahead, arg, err := c.at(dir)
	if err != nil {
		return nil, err
	}
	where := arg // servers that repeat the path do so with their own
	if needsCWD(arg) || arg == "" {
		if ahead, err = c.into(dir); err != nil {
			return nil, err
		}
		arg = ""
	}
	t, err := c.transfer(ctx, command{"MLSD", arg}, ahead...)
	if err != nil {
		return nil, err
	}
	g := &gatherer{cfg: c.cfg, dir: dir}
	l, err := c.gather(ctx, t, g, func(line []byte) error {
		e, err := listing.ParseFacts(line)
		if errors.Is(err, listing.ErrSkip) {
			return nil
		}
		if err != nil {
			g.unparsedLine(line)
			return nil
		}
		e.Name = listing.TrimDir(e.Name, where)
		return g.add(e)
	})
	if err != nil {
		return nil, err
	}
	return c.addTargets(ctx, dir, l)
}

// addTargets completes the links of a machine listing: Pure-FTPd and ProFTPD
// name them there but say only in LIST where they lead.
func (c *Conn) addTargets(ctx context.Context, dir string, l *Listing) (*Listing, error) {
	// ProFTPD takes "-a" for the name where a file of that name exists.
	for _, options := range []string{"-a", ""} {
		missing := make(map[string]int)
		for i, e := range l.Entries {
			if e.Type == listing.Symlink && e.Target == "" {
				missing[e.Name] = i
			}
		}
		if len(missing) == 0 {
			return l, nil
		}
		long, err := c.listWith(ctx, dir, options)
		if c.broken != nil {
			return nil, c.broken
		}
		if err != nil {
			continue // the links stay, without targets
		}
		for _, e := range long.Entries {
			if i, ok := missing[e.Name]; ok && e.Type == listing.Symlink {
				l.Entries[i].Target = e.Target
			}
		}
	}
	return l, nil
}

// listLong uses LIST, RFC 959 section 4.1.3, in the directory itself: as an
// argument its name could be expanded or taken for an option.
func (c *Conn) listLong(ctx context.Context, dir string) (*Listing, error) {
	facts := c.srv.facts()
	switch {
	case facts.listAll == yes, facts.listAll == unknown && facts.software != otherSoftware:
		return c.listWith(ctx, dir, "-a")
	case facts.listAll == no:
		return c.listWith(ctx, dir, "")
	}
	// Some servers take "-a" for a file's name and answer with an error, with
	// nothing, or with that file.
	plain, err := c.listWith(ctx, dir, "")
	if err != nil {
		return plain, err
	}
	all, err := c.listWith(ctx, dir, "-a")
	if c.broken != nil {
		return nil, c.broken
	}
	if len(plain.Entries) == 0 {
		// Nothing to compare with: the next directory may tell.
		return plain, nil
	}
	if err != nil || !contains(all, plain) {
		c.srv.learn(func(s *server) { s.listAll = no })
		return plain, nil
	}
	c.srv.learn(func(s *server) { s.listAll = yes })
	return all, nil
}

// listWith sends LIST, with options or without.
func (c *Conn) listWith(ctx context.Context, dir, options string) (*Listing, error) {
	ahead, err := c.into(dir)
	if err != nil {
		return nil, err
	}
	t, err := c.transfer(ctx, command{"LIST", options}, ahead...)
	if err != nil {
		if len(ahead) > 0 && isEmptyDirectory(err) {
			return &Listing{Complete: true}, nil
		}
		return nil, err
	}
	facts := c.srv.facts()
	location := c.cfg.Location
	if location == nil {
		location = facts.location
	}
	p := listing.NewParser(listing.Options{Now: time.Now(), Location: location, Dialect: facts.dialect, Dir: c.cwd})
	g := &gatherer{cfg: c.cfg, dir: dir, parser: p}
	l, err := c.gather(ctx, t, g, func(line []byte) error {
		p.Line(line)
		if len(p.Entries()) > c.cfg.MaxEntries {
			return errTooMany
		}
		return nil
	})
	if err != nil {
		if isEmptyDirectory(err) {
			return &Listing{Complete: true}, nil
		}
		return nil, err
	}
	if location == nil && !c.mayTellExact(l) { // exactTimes finds it as well
		if err := c.findLocation(ctx, dir, l); err != nil {
			return nil, err
		}
	}
	return l, nil
}

var errTooMany = errors.New("too many entries")

// gather reads a listing to its end and says how far it can be relied on.
func (c *Conn) gather(ctx context.Context, t *transfer, g *gatherer, each func([]byte) error) (*Listing, error) {
	// However slowly it comes, whoever does not want it any more can leave.
	stop := context.AfterFunc(ctx, func() { _ = t.data.Close() })
	defer stop()
	watch := &cutWatch{r: t, limit: c.cfg.MaxEntries + 1000} // a few headings do no harm
	look := func(line []byte) error {
		watch.line(line)
		return each(line)
	}
	if err := eachLine(watch, look, g.unparsedLine); err != nil {
		if errors.Is(err, errTooMany) {
			t.abandon()
			return nil, fmt.Errorf("%s %s: more than %d entries: %w", t.cmd.verb, Printable(g.dir), c.cfg.MaxEntries, ErrBadListing)
		}
		if ctx.Err() != nil {
			return nil, c.fail(ctx.Err())
		}
		// A cut data connection; what the server says of it is the better error.
		if _, final := t.finish(); final != nil {
			c.silent = errors.Is(err, ErrTimeout) && errors.Is(final, ErrTimeout)
			return nil, final
		}
		return nil, fmt.Errorf("%s %s: %w: %w", t.cmd.verb, Printable(g.dir), ErrShort, err)
	}
	r, err := t.finish()
	if err != nil {
		return nil, err
	}
	if t.data.cutShort() {
		return nil, fmt.Errorf("%s %s: %w: TLS was not closed in order", t.cmd.verb, Printable(g.dir), ErrShort)
	}
	if t.done == nil { // a server that skips 150 sends nothing
		if err := watch.verdict(c, t.cmd, g.dir); err != nil {
			return nil, err
		}
	}
	if g.parser != nil {
		result := g.parser.Finish()
		g.unparsed += result.Unparsed
		g.samples = append(g.samples, result.Samples...)
		g.dropped += result.Dropped
		for _, e := range result.Entries {
			if err := g.add(e); err != nil {
				return nil, err
			}
		}
		if len(result.Entries) > 0 && result.Unparsed == 0 {
			c.srv.learn(func(s *server) { s.dialect = result.Dialect })
		}
	}
	return g.listing(c, t.cmd.verb, r)
}

// eachLine calls each with every line of r, without line ends. A line that is
// too long goes to tooLong, clipped.
func eachLine(r io.Reader, each func([]byte) error, tooLong func([]byte)) error {
	br := bufio.NewReaderSize(r, maxListingLine)
	for {
		line, err := br.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			tooLong(line[:80])
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = br.ReadSlice('\n')
			}
			if err == nil {
				continue
			}
			line = nil
		}
		if err != nil && err != io.EOF {
			return err
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) > 0 {
			if err := each(line); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// gatherer collects the entries of one listing that are fit for use.
type gatherer struct {
	cfg      *Config
	dir      string
	parser   *listing.Parser // LIST only
	entries  []Entry
	seen     map[string]struct{}
	unparsed int
	dropped  int
	twice    int
	samples  []string
}

func (g *gatherer) unparsedLine(line []byte) {
	g.unparsed++
	if len(g.samples) < 3 {
		g.samples = append(g.samples, clip(string(line), 200))
	}
}

func (g *gatherer) add(e Entry) error {
	e.Name = g.cfg.decodeName(e.Name)
	e.Target = g.cfg.decodeName(e.Target)
	if !fitName(e.Name) {
		if e.Name != "." && e.Name != ".." {
			g.dropped++
		}
		return nil
	}
	if len(g.entries) >= g.cfg.MaxEntries {
		return errTooMany
	}
	if g.seen == nil {
		g.seen = make(map[string]struct{})
	}
	if _, ok := g.seen[e.Name]; ok {
		g.twice++
		return nil
	}
	g.seen[e.Name] = struct{}{}
	g.entries = append(g.entries, e)
	return nil
}

// fitName says whether a file system can hold the name. Given one that it can
// not, the kernel answers EIO for the whole directory.
func fitName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}

// listing draws the conclusion, with the final reply r.
func (g *gatherer) listing(c *Conn, verb string, r reply) (*Listing, error) {
	log := c.cfg.Logger.With("directory", g.dir, "command", verb)
	if g.unparsed > 0 {
		log.Warn("lines of a listing were not understood", "count", g.unparsed, "samples", g.samples)
		if len(g.entries) == 0 {
			return nil, fmt.Errorf("%s %s: %w: %q", verb, Printable(g.dir), ErrBadListing, g.samples)
		}
	}
	if g.dropped > 0 {
		log.Warn("names that a file system can not hold were left out of a listing", "count", g.dropped)
	}
	if g.twice > 0 {
		log.Warn("names came more than once in a listing; the first counts", "count", g.twice)
	}
	l := &Listing{Entries: g.entries, Complete: true}
	switch {
	case strings.Contains(strings.ToLower(r.text()), "truncated"):
		// Pure-FTPd: "226-Output truncated to 10000 matches".
		l.Complete, l.Note = false, r.text()
		log.Warn("the server cut a listing short", "reply", Printable(r.text()))
	case g.unparsed > 0:
		l.Complete, l.Note = false, fmt.Sprintf("%d lines were not understood", g.unparsed)
	case g.dropped > 0:
		l.Complete, l.Note = false, fmt.Sprintf("%d names can not be shown", g.dropped)
	}
	return l, nil
}

// isEmptyDirectory recognises the refusals with which some servers answer
// LIST in an empty directory (IIS "550 No files found", MVS "550 No members
// found" and "No data sets found"). They count only after CWD into it.
func isEmptyDirectory(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Op != "LIST" || e.Code != codeUnavailable && e.Code != codeBusy {
		return false
	}
	text := strings.ToLower(e.Msg)
	for _, what := range []string{"no files", "no members", "no data sets", "no entries", "directory empty", "directory is empty"} {
		if strings.Contains(text, what) {
			return true
		}
	}
	return false
}

// contains says whether a has all names of b.
func contains(a, b *Listing) bool {
	names := make(map[string]bool, len(a.Entries))
	for _, e := range a.Entries {
		names[e.Name] = true
	}
	for _, e := range b.Entries {
		if !names[e.Name] {
			return false
		}
	}
	return true
}

// without returns a copy of f that lacks some names.
func without(f features, names ...string) features {
	g := make(features, len(f))
	for k, v := range f {
		g[k] = v
	}
	for _, n := range names {
		delete(g, n)
	}
	return g
}
