package ftpconn

import (
	"context"
	"errors"
	"path"
	"strconv"
	"strings"
	"time"

	"ftpfs/ftpconn/listing"
)

// parseTime reads a time-val of RFC 3659 section 2.3: YYYYMMDDHHMMSS with an
// optional fraction, always in UTC.
//
// Some servers of the year 2000 wrote "19100" for the year: nineteen, and the
// years since 1900.
func parseTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if len(s) >= 15 && strings.HasPrefix(s, "191") && isDigit(s[14]) {
		if years, err := strconv.Atoi(s[2:5]); err == nil {
			s = strconv.Itoa(1900+years) + s[5:]
		}
	}
	if len(s) < 14 {
		return time.Time{}, false
	}
	t, err := time.Parse("20060102150405", s[:14])
	return t, err == nil
}

// findLocation works out the time zone in which the server writes LIST times,
// by asking for the exact time of one of the files, and moves the times of
// this first listing accordingly.
func (c *Conn) findLocation(ctx context.Context, dir string, l *Listing) error {
	if c.srv.facts().noMDTM {
		return nil
	}
	for _, e := range l.Entries {
		if e.Type != listing.File || e.ModPrec != listing.Minute || strings.ContainsAny(e.Name, "\r\n") {
			continue
		}
		exact, err := c.modTime(ctx, path.Join(dir, e.Name))
		if c.broken != nil {
			return err
		}
		if errors.Is(err, ErrNotSupported) {
			c.srv.learn(func(s *server) { s.noMDTM, s.location = true, time.UTC })
			return nil
		}
		if err != nil {
			continue // not readable, or gone: another file may tell
		}
		offset, ok := c.learnLocation(e.ModTime, exact)
		if !ok {
			// The file changed in between, or the clock is odd.
			return nil
		}
		moveTimes(l.Entries, offset)
		return nil
	}
	return nil
}

// learnLocation notes the time zone of the server, from a time that it listed,
// read as UTC, and the exact one.
func (c *Conn) learnLocation(listed, exact time.Time) (offset time.Duration, ok bool) {
	offset, ok = zoneOffset(listed, exact)
	if !ok {
		return 0, false
	}
	location := time.UTC
	if offset != 0 {
		location = time.FixedZone("server", int(offset/time.Second))
		c.cfg.Logger.Info("the server lists local time", "offset", offset)
	}
	c.srv.learn(func(s *server) { s.location = location })
	return offset, true
}

// moveTimes moves listed times that were read as UTC.
func moveTimes(entries []Entry, offset time.Duration) {
	for i := range entries {
		if p := &entries[i]; p.ModPrec == listing.Minute {
			p.ModTime = p.ModTime.Add(-offset)
		}
	}
}

// maxExact is up to how many files of one directory the exact times are asked
// for, where the listing does not tell them: two thousand replies take less
// than a tenth of a second on a server of today.
const maxExact = 2000

// mayTellExact says whether exactTimes does something for a listing.
func (c *Conn) mayTellExact(l *Listing) bool { return c.mayQueue() && len(l.Entries) <= maxExact }

// exactTimes completes a listing that tells the minute, or only the day, with
// MDTM. That costs one round trip, and saves rsync and make from taking every
// file for changed.
func (c *Conn) exactTimes(ctx context.Context, dir string, l *Listing) error {
	if !c.mayTellExact(l) {
		return nil
	}
	return c.addExact(ctx, []string{dir}, []*gatherer{{entries: l.Entries}})
}

// zoneOffset returns how far listed, read as UTC with the precision of a
// minute, is ahead of the exact time, if that can be a time zone: a multiple
// of 15 minutes, from -12 to +14 hours.
func zoneOffset(listed, exact time.Time) (time.Duration, bool) {
	d := listed.Sub(exact.Truncate(time.Minute))
	if d < -12*time.Hour || d > 14*time.Hour || d%(15*time.Minute) != 0 {
		return 0, false
	}
	return d, true
}

// modTime asks for a file's time, RFC 3659 section 3.
func (c *Conn) modTime(ctx context.Context, name string) (time.Time, error) {
	ahead, arg, err := c.at(name)
	if err != nil {
		return time.Time{}, err
	}
	for _, a := range ahead {
		if _, err := c.do(ctx, a.verb, a.arg); err != nil {
			return time.Time{}, err
		}
	}
	r, err := c.do(ctx, "MDTM", arg)
	if err != nil {
		return time.Time{}, err
	}
	t, ok := parseTime(r.text())
	if r.code != codeFileStatus || !ok {
		return time.Time{}, newError("MDTM", arg, r)
	}
	return t, nil
}
