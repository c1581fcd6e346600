package ftpconn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"ftpfs/ftpconn/listing"
)

// MaxBatch is how many directories one call of ListMany takes.
const MaxBatch = 256

// maxStatus bounds the reply to STAT of one directory. A larger directory is
// better listed over a data connection.
const maxStatus = 8 << 20

// ListMany lists directories ahead of need, all of them in two round trips on
// one control connection: STAT with a path sends a listing as its reply, RFC
// 959 section 4.1.3, so that many can be asked for in one write; exact times
// follow by MLST or MDTM.
//
// An element of the result is nil if that directory is better listed by List:
// it may be missing, or unreadable, or what the server said of it may not be
// all. Only servers whose replies to STAT are known are asked at all.
func (p *Pool) ListMany(ctx context.Context, dirs []string, lane Lane) []*Listing {
	all := make([]*Listing, len(dirs))
	facts := p.srv.facts()
	if facts.noStatus || !facts.software.listsByStatus() || facts.queue < queueCommands || !strings.HasPrefix(facts.root, "/") {
		return all
	}
	c, err := p.get(ctx, lane)
	if err != nil {
		return all
	}
	defer func() { p.put(c) }()
	found, err := c.listMany(ctx, dirs)
	if err == nil {
		return found
	}
	var odd *ProtocolError
	if errors.As(err, &odd) {
		p.srv.learn(func(s *server) { s.noStatus = true })
		p.cfg.Logger.Info("directories are not listed by STAT any more", "reason", odd)
	}
	return all
}

// listsByStatus says that STAT lists hidden files too, one line for each
// entry, and can be sent in numbers. It was tried on these.
func (s software) listsByStatus() bool {
	switch s {
	case vsftpd, proftpd, pureftpd, pyftpdlib:
		return true
	}
	return false
}

// listMany is ListMany on one connection. Nothing of a batch that broke the
// connection is used.
func (c *Conn) listMany(ctx context.Context, dirs []string) ([]*Listing, error) {
	found := make([]*Listing, len(dirs))
	var which []int // of dirs, for each command
	var commands []command
	for i, dir := range dirs {
		_, arg, err := c.at(dir)
		if err != nil || needsCWD(arg) || len(commands) >= MaxBatch {
			continue
		}
		if c.srv.facts().software == pureftpd {
			if strings.Contains(arg, " ") {
				continue // it takes what follows for another path
			}
			arg = "-a " + arg // or else without hidden files
		}
		which = append(which, i)
		commands = append(commands, command{"STAT", arg})
	}
	if len(commands) == 0 {
		return found, nil
	}
	gathered := make([]*gatherer, len(dirs))
	err := c.pipeline(ctx, append(commands, command{verb: "NOOP"}), func(n int) error {
		if n < len(which) {
			i := which[n]
			var err error
			gathered[i], err = c.receiveStatus(dirs[i])
			return err
		}
		// A name with a line break can end a reply early and begin another. It
		// can only add replies: the last one is then not that of NOOP.
		r, err := c.receive("NOOP")
		if err == nil && (r.class() != 2 || len(r.lines) != 1 || r.code == codeFileStatus) {
			err = c.fail(&ProtocolError{Op: "STAT", Detail: "more replies than commands"})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := c.addExact(ctx, dirs, gathered); err != nil {
		return nil, err
	}
	for i, g := range gathered {
		if g == nil {
			continue
		}
		if l, err := g.listing(c, "STAT", reply{lines: []string{""}}); err == nil {
			found[i] = l
		}
	}
	return found, nil
}

// receiveStatus reads the reply to STAT of a directory. It is nil if that
// reply does not show all of the directory without doubt.
func (c *Conn) receiveStatus(dir string) (*gatherer, error) {
	lines, err := c.statusLines()
	if err != nil || lines == nil {
		return nil, err
	}
	facts := c.srv.facts()
	location := c.cfg.Location
	if location == nil {
		location = facts.location
	}
	p := listing.NewParser(listing.Options{Now: time.Now(), Location: location, Dialect: facts.dialect})
	itself := false
	for _, line := range lines {
		if bytes.IndexByte(line, telnetIAC) >= 0 {
			return nil, nil // it may be doubled, or not
		}
		itself = itself || bytes.HasSuffix(line, []byte(" ."))
		p.Line(line)
	}
	result := p.Finish()
	if result.Unparsed > 0 {
		return nil, c.fail(&ProtocolError{Op: "STAT", Detail: fmt.Sprintf("%q", result.Samples)})
	}
	// vsftpd and ProFTPD answer in the same way, without an entry or with that
	// of the directory, when it is missing or may not be read.
	if !itself && (facts.software != pyftpdlib || len(result.Entries) == 0) {
		return nil, nil
	}
	g := &gatherer{cfg: c.cfg, dir: dir, dropped: result.Dropped}
	for _, e := range result.Entries {
		if e.Type == listing.Symlink && facts.features.machineListings() {
			return nil, nil // MLSD would say more of it
		}
		if g.add(e) != nil {
			return nil, nil
		}
	}
	return g, nil
}

// statusLines reads the lines of a directory in a reply to STAT; nil if the
// reply is another one. Its lines end with CRLF; LF alone is part of a name.
func (c *Conn) statusLines() ([][]byte, error) {
	first, err := c.statusLine()
	if err != nil {
		return nil, err
	}
	code, ok := replyCode(string(first))
	if !ok {
		return nil, c.fail(&ProtocolError{Op: "STAT", Detail: fmt.Sprintf("%q", clip(string(first), 80))})
	}
	if code == codeNotAvailable {
		return nil, c.fail(&Error{Op: "STAT", Code: code, Msg: string(first), Kind: ErrUnreachable})
	}
	isListing := code == codeSystemStatus || code == codeDirectoryStatus || code == codeFileStatus
	if len(first) == 3 || first[3] == ' ' {
		return nil, nil
	}
	end := append(bytes.Clone(first[:3]), ' ')
	lines := make([][]byte, 0, 16)
	for size := 0; ; {
		line, err := c.statusLine()
		if err != nil {
			return nil, err
		}
		if bytes.HasPrefix(line, end) {
			break
		}
		if size += len(line); size > maxStatus {
			return nil, c.fail(&ProtocolError{Op: "STAT", Detail: fmt.Sprintf("reply longer than %d bytes", maxStatus)})
		}
		if c.srv.facts().software == proftpd {
			line = bytes.TrimPrefix(line, []byte(" "))
		}
		lines = append(lines, line)
	}
	if !isListing {
		return nil, nil
	}
	return lines, nil
}

// statusLine reads up to the next CRLF.
func (c *Conn) statusLine() ([]byte, error) {
	var line []byte
	for {
		part, err := c.br.ReadSlice('\n')
		line = append(line, part...)
		if err != nil {
			return nil, c.fail(fmt.Errorf("STAT: waiting for the reply: %w", err))
		}
		if len(line) > maxReplyLine {
			return nil, c.fail(&ProtocolError{Op: "STAT", Detail: fmt.Sprintf("reply line longer than %d bytes", maxReplyLine)})
		}
		if rest, ok := bytes.CutSuffix(line, []byte("\r\n")); ok {
			c.cfg.Trace.received(c.id, string(rest))
			c.lastUse = time.Now()
			return rest, nil
		}
	}
}

// addExact gives entries that were listed coarsely all that the server knows
// of them, in one round trip: its facts by MLST, or the times of files by
// MDTM. A directory of which a fact could not be had is set to nil.
func (c *Conn) addExact(ctx context.Context, dirs []string, gathered []*gatherer) error {
	facts := c.srv.facts()
	machine := facts.features.machineListings()
	if !machine && facts.noMDTM {
		return nil
	}
	zoneKnown := machine || c.cfg.Location != nil || facts.location != nil
	type place struct{ dir, entry int }
	var places []place
	var commands []command
	for i, g := range gathered {
		if g == nil {
			continue
		}
		for j, e := range g.entries {
			_, arg, err := c.at(path.Join(dirs[i], e.Name))
			switch {
			case err != nil || strings.ContainsAny(arg, "\r\n"):
				if machine {
					gathered[i] = nil
				}
			case machine:
				commands = append(commands, command{"MLST", arg})
				places = append(places, place{i, j})
			case e.Type == listing.File && e.ModPrec < listing.Second:
				commands = append(commands, command{"MDTM", arg})
				places = append(places, place{i, j})
			}
			if gathered[i] == nil {
				break
			}
		}
	}
	if len(commands) == 0 {
		return nil
	}
	replies, errs, err := c.pipelined(ctx, commands)
	if err != nil {
		return err
	}
	for n, at := range places {
		g := gathered[at.dir]
		if g == nil {
			continue
		}
		e := &g.entries[at.entry]
		switch {
		case !machine:
			t, ok := parseTime(replies[n].text())
			if !ok || errs[n] != nil || replies[n].code != codeFileStatus {
				continue // not readable: the listed time stays
			}
			if !zoneKnown && e.ModPrec == listing.Minute {
				zoneKnown = true
				if offset, ok := c.learnLocation(e.ModTime, t); ok {
					for _, g := range gathered {
						if g != nil {
							moveTimes(g.entries, offset)
						}
					}
				}
			}
			e.ModTime, e.ModPrec = t, listing.Second
		case errs[n] != nil:
			gathered[at.dir] = nil
		default:
			full, err := c.factsOf(path.Join(dirs[at.dir], e.Name), replies[n])
			if err != nil || full.Type != e.Type {
				gathered[at.dir] = nil
				continue
			}
			*e = full
		}
	}
	return nil
}
