package main

import (
	"context"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ftpfs/ftpconn/ftptest/realserver"
)

// writeWork is a row of the table of writing: shell commands, with $S for the
// directory of what is written, $M for the mount and $U for the server's URL.
// What is measured is the time until all is on the server's disk, which for a
// mount may be after the command.
type writeWork struct {
	name  string
	run   string // through a mount
	curl  string // the same by a client that is no mount
	files int    // that the server has then,
	bytes int64  // of so many bytes
	far   bool   // pays only over a link
	near  bool   // takes too long over a link
	heavy bool   // measured once for the others
}

var writeWorks = []writeWork{
	{name: "`cp` of 256 MiB", run: `cp "$S/quarter" "$M/new"`, curl: `curl -sf -T "$S/quarter" "$U/new"`, files: 1, bytes: 256 << 20, near: true},
	{name: "`cp` of 32 MiB", run: `cp "$S/mid" "$M/new"`, curl: `curl -sf -T "$S/mid" "$U/new"`, files: 1, bytes: 32 << 20, far: true},
	{name: "`cp -r` of 100 files of 4 KiB", run: `cp -r "$S/small" "$M/small"`, curl: `lftp -c "open $U; mirror -R --parallel=8 $S/small small" >/dev/null`, files: 100, bytes: 100 * 4096},
	{name: "2 GiB in order", run: `cat "$S/half" "$S/half" "$S/half" "$S/half" >"$M/new"`, curl: `cat "$S/half" "$S/half" "$S/half" "$S/half" | curl -sf -T - "$U/new"`,
		files: 1, bytes: 2 << 30, near: true, heavy: true},
}

// writeRuns is how often each cell is measured, in turns; the shortest time
// counts, since a server's disk makes for large differences. rclone is measured
// once where it is slow for certain: over a link, and with cached writes, which
// wait five seconds before they begin.
const writeRuns = 5

// prepareWriting makes what is written.
func (b *bench) prepareWriting() error {
	dir := b.path("written")
	if err := os.MkdirAll(filepath.Join(dir, "small"), 0o755); err != nil {
		return err
	}
	for name, size := range map[string]int{"mid": 32 << 20, "quarter": 256 << 20, "half": 512 << 20} {
		if err := b.randomFile(filepath.Join(dir, name), size); err != nil {
			return err
		}
	}
	for i := range 100 {
		if err := b.randomFile(filepath.Join(dir, "small", fmt.Sprintf("file-%02d", i)), 4096); err != nil {
			return err
		}
	}
	if err := os.Mkdir(b.path("incoming"), 0o755); err != nil {
		return err
	}
	return os.Chmod(b.path("incoming"), 0o777)
}

// writing measures all rows of writing at a round trip, and returns the table;
// "" if there are none.
func (b *bench) writing(ctx context.Context, rtt time.Duration) (string, error) {
	var works []writeWork
	for _, w := range writeWorks {
		if !(w.far && rtt == 0 || w.near && rtt > 0) && b.rows.MatchString(w.name) {
			works = append(works, w)
		}
	}
	if len(works) == 0 {
		return "", nil
	}
	defer b.undo(len(b.cleanups)) // the server, and then its link
	inside, srv, err := b.start(rtt, realserver.Options{Root: b.path("incoming"), Writable: true})
	if err != nil {
		return "", err
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| work | ftpfs | ftpfs, write-back | rclone | rclone, cached writes | client | ftpfs : rclone | write-back : rclone | ftpfs : client | CPU s, ftpfs : rclone | peak MiB, ftpfs : rclone |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	const rclone, cached = 2, 3
	for _, w := range works {
		log.Printf("%v: %s", rtt, w.name)
		peers := []peer{b.mountFtpfs("--staging-dir", b.path("staging")), b.mountFtpfs("--staging-dir", b.path("staging"), "--write-back"),
			b.mountRclone("off", false), b.mountRclone("writes", false), b.client}
		best, used := make([]time.Duration, len(peers)), make([]usage, len(peers))
		for run := range max(b.runs, writeRuns) {
			for i, p := range peers {
				if run > 0 && (best[i] < 0 || best[i] >= b.limit || w.heavy && i > 0 || i == cached || i == rclone && rtt > 0) {
					continue
				}
				if err := b.empty(); err != nil { // before anything can see it
					return "", err
				}
				took := b.median(1, func() (time.Duration, error) { return p(ctx, inside, srv, w.work()) })
				if err := ctx.Err(); err != nil {
					return "", err
				}
				if run == 0 || took > 0 && took < best[i] {
					best[i], used[i] = took, b.used
				}
				b.used = usage{}
			}
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %.2f : %.2f | %d : %d |\n", w.name,
			b.cell(best[0]), b.cell(best[1]), b.cell(best[2]), b.cell(best[3]), b.cell(best[4]),
			b.ratio(best[0], best[2]), b.ratio(best[1], best[2]), b.ratio(best[0], best[4]),
			used[0].cpu.Seconds(), used[2].cpu.Seconds(), used[0].peak>>20, used[2].peak>>20)
	}
	return table.String(), nil
}

// work is the row as one that the peers can do.
func (w writeWork) work() work {
	return work{name: w.name, run: w.run, curl: w.curl, writes: &w}
}

// empty removes what an earlier measurement wrote.
func (b *bench) empty() error {
	all, err := os.ReadDir(b.path("incoming"))
	for _, e := range all {
		if err == nil {
			err = os.RemoveAll(b.path("incoming", e.Name()))
		}
	}
	return err
}

// arrived waits until the server has what a work writes, and says whether it
// had to.
func (b *bench) arrived(ctx context.Context, w *writeWork) (late bool, err error) {
	for ; ; late = true {
		files, bytes := b.incoming()
		if files == w.files && bytes == w.bytes {
			return late, nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return late, fmt.Errorf("%d files, %d bytes: %w", files, bytes, ctx.Err())
		}
	}
}

// incoming counts what the server has, but for temporary names.
func (b *bench) incoming() (files int, bytes int64) {
	_ = filepath.WalkDir(b.path("incoming"), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(e.Name(), ".part") || strings.HasSuffix(e.Name(), ".partial") {
			return nil
		}
		if info, err := e.Info(); err == nil {
			files++
			bytes += info.Size()
		}
		return nil
	})
	return files, bytes
}
