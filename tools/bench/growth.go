package main

import (
	"context"
	"fmt"
	"log"
	"regexp"
	"strings"
	"time"

	"ftpfs/ftpconn/ftptest/realserver"
)

// variation is a condition under which some works are measured, for ftpfs
// alone.
type variation struct {
	name    string
	rtt     time.Duration
	options realserver.Options
	rows    string
}

var variations = []variation{
	{"10 ms", 10 * time.Millisecond, realserver.Options{}, "find|cp -r"},
	{"50 ms", 50 * time.Millisecond, realserver.Options{}, "find|cp -r"},
	{"150 ms", 150 * time.Millisecond, realserver.Options{}, "find|cp -r"},
	{"50 ms, the server allows 1 connection", 50 * time.Millisecond, realserver.Options{MaxPerClient: 1}, "find|cp -r|4 readers"},
	{"50 ms, 2 connections", 50 * time.Millisecond, realserver.Options{MaxPerClient: 2}, "find|cp -r|4 readers"},
	{"50 ms, 8 connections", 50 * time.Millisecond, realserver.Options{MaxPerClient: 8}, "find|cp -r|4 readers"},
	{"50 ms, TLS", 50 * time.Millisecond, realserver.Options{TLS: true}, "first byte|64 MiB in|find|cp -r|random"},
	{"loopback, TLS", 0, realserver.Options{TLS: true}, "first byte|64 MiB in|1 GiB|find|cp -r"},
}

// growth measures the variations, and returns the table.
func (b *bench) growth(ctx context.Context) (string, error) {
	b.runs, b.limit = 1, max(b.limit, 5*time.Minute)
	var table strings.Builder
	if !b.reads() {
		return "", nil
	}
	fmt.Fprintf(&table, "| | work | seconds |\n|---|---|---|\n")
	for _, v := range variations {
		if v.rtt > 0 && b.link == "" {
			continue
		}
		if err := b.vary(ctx, v, &table); err != nil {
			return "", err
		}
	}
	return table.String(), nil
}

func (b *bench) vary(ctx context.Context, v variation, table *strings.Builder) error {
	defer b.undo(len(b.cleanups))
	inside, srv, err := b.start(v.rtt, v.options)
	if err != nil {
		return err
	}
	rows := regexp.MustCompile(v.rows)
	for _, w := range works {
		if !rows.MatchString(w.name) || !b.rows.MatchString(w.name) {
			continue
		}
		log.Printf("%s: %s", v.name, w.name)
		took := b.median(b.runs, func() (time.Duration, error) { return b.mountFtpfs()(ctx, inside, srv, w) })
		if err := ctx.Err(); err != nil {
			return err
		}
		fmt.Fprintf(table, "| %s | %s | %s |\n", v.name, w.name, b.cell(took))
	}
	return nil
}
