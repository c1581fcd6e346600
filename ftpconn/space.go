package ftpconn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Space asks how many bytes may still be stored below a directory: AVBL, of a
// draft, or what SITE QUOTA of ProFTPD says. ErrNotSupported is remembered, and
// nothing is sent then.
func (p *Pool) Space(ctx context.Context, dir string) (free int64, err error) {
	if f := p.srv.facts(); f.known && !f.tellsSpace() {
		return 0, errNoSpaceInfo
	}
	err = p.do(ctx, LaneMeta, func(c *Conn) error {
		var err error
		free, err = c.space(ctx, dir)
		return err
	})
	return free, err
}

var errNoSpaceInfo = fmt.Errorf("free space: %w", ErrNotSupported)

func (f serverFacts) tellsSpace() bool {
	return !f.noSpaceInfo && (f.features.has("AVBL") || f.software == proftpd)
}

func (c *Conn) space(ctx context.Context, dir string) (int64, error) {
	f := c.srv.facts()
	if !f.tellsSpace() {
		return 0, errNoSpaceInfo
	}
	if f.features.has("AVBL") {
		arg, err := c.target(ctx, dir)
		if err != nil {
			return 0, err
		}
		r, err := c.do(ctx, "AVBL", arg)
		if err != nil && !errors.Is(err, ErrNotSupported) {
			return 0, c.meaning(err, func() error { return c.whyDirectory(ctx, dir) })
		}
		if n := firstNumber(r.text()); err == nil && r.code == codeFileStatus && n >= 0 {
			return n, nil
		}
	} else {
		r, err := c.do(ctx, "SITE", "QUOTA")
		if c.broken != nil {
			return 0, err
		}
		if n, ok := quotaLeft(r.lines); err == nil && ok {
			return n, nil
		}
	}
	c.srv.learn(func(s *server) { s.noSpaceInfo = true })
	return 0, errNoSpaceInfo
}

// firstNumber reads the number at the begin of a text; -1 if there is none.
func firstNumber(text string) int64 {
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	return parseSize(word)
}

// quotaLeft reads the lines of ProFTPD's mod_quotatab:
//
//	Uploaded bytes:	1234.00/10000.00
//	Uploaded Mb:	unlimited
//
// ok is false if there is no limit.
func quotaLeft(lines []string) (left int64, ok bool) {
	for _, line := range lines {
		what, value, found := strings.Cut(line, ":")
		fields := strings.Fields(strings.ToLower(what))
		if !found || len(fields) != 2 || fields[0] != "uploaded" {
			continue
		}
		unit, known := map[string]float64{"bytes": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}[fields[1]]
		used, limit, both := strings.Cut(strings.TrimSpace(value), "/")
		if !known || !both {
			continue
		}
		u, err1 := strconv.ParseFloat(used, 64)
		l, err2 := strconv.ParseFloat(limit, 64)
		if err1 != nil || err2 != nil || !(u >= 0 && l >= 0 && l*unit < 1<<62) {
			continue
		}
		return int64(max(0, l-u) * unit), true
	}
	return 0, false
}
