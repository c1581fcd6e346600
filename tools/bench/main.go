// Command bench measures ftpfs beside rclone mount, curl and lftp, on vsftpd,
// and writes the tables of docs/benchmarks.md between their markers.
//
// It needs root and /dev/fuse. Programs that are missing leave their columns
// empty. The link with a delay comes from a program that makes two network
// namespaces (-link); without it only loopback is measured.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	var b bench
	flag.StringVar(&b.ftpfs, "ftpfs", "./ftpfs", "the `program`")
	flag.StringVar(&b.rclone, "rclone", "rclone", "the `program`")
	flag.StringVar(&b.link, "link", "", "`program` that makes the namespaces wan-cli and wan-srv with a round trip of -rtt")
	flag.IntVar(&b.runs, "runs", 3, "how often each cell is measured; the median counts")
	flag.DurationVar(&b.limit, "limit", 2*time.Minute, "end a measurement after this `time`")
	out := flag.String("out", "", "write the tables into this `file`, between their markers")
	rows := flag.String("rows", "", "measure only the rows that match this `expression`")
	trips := flag.String("trips", "0s,50ms", "round trips to measure at, with commas; 0s is loopback")
	flag.Parse()
	var err error
	if b.rows, err = regexp.Compile(*rows); err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := b.all(ctx, strings.Split(*trips, ","), *out); err != nil {
		log.Fatal(err)
	}
}

// all measures at every round trip.
func (b *bench) all(ctx context.Context, trips []string, out string) (err error) {
	defer b.cleanUp(&err)
	if err := b.prepare(); err != nil {
		return err
	}
	for _, trip := range trips {
		rtt, err := time.ParseDuration(trip)
		if err != nil {
			return err
		}
		if rtt > 0 && b.link == "" {
			log.Printf("no -link: %v is left out", rtt)
			continue
		}
		table, err := b.at(ctx, rtt)
		if err != nil {
			return err
		}
		if err := show(out, rtt.String(), table); err != nil {
			return err
		}
		if table, err = b.writing(ctx, rtt); err != nil {
			return err
		}
		if err := show(out, "writing "+rtt.String(), table); err != nil {
			return err
		}
	}
	table, err := b.growth(ctx)
	if err != nil {
		return err
	}
	return show(out, "growth", table)
}

// show prints a table, and puts it into the file if there is one. A table
// without rows leaves what is there.
func show(file, name, table string) error {
	fmt.Print(table)
	if file == "" || table == "" {
		return nil
	}
	return replaceBetween(file, "bench "+name, table)
}

// replaceBetween puts text between the markers of a name in a file.
func replaceBetween(file, name, text string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
	before, rest, ok1 := strings.Cut(string(data), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no markers %q and %q", file, begin, end)
	}
	return os.WriteFile(file, []byte(before+begin+text+end+after), 0o644)
}
