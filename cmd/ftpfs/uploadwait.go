package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"ftpfs/cache/journal"
	"ftpfs/ftpconn"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// uploadWait waits for the uploads of a mount that is detached. It is for one
// goroutine.
type uploadWait struct {
	out      io.Writer
	terminal bool // out is one
	pid      int
	url      string
	list     func() ([]journal.Pending, error)
	running  func() bool // the process runs

	poll  time.Duration
	quiet time.Duration // how often a line is written where there is no terminal
	grace time.Duration // how long a process may take to end that has nothing to upload
	blind bool          // we may not see what it has to upload

	lostBefore map[string]bool             // files in lost+found before
	seen       map[string]*journal.Pending // all that was pending at some time, by file
	origin     string                      // of what was pending; "": nothing was
	warned     bool                        // that the list can not be read
	bar        *progressbar.ProgressBar    // nil: not shown
}

// newUploadWait finds out who serves a mount and where its uploads wait; nil if
// nobody does whom we know. It is called before the mount is detached.
func (a *app) newUploadWait(m mountEntry) *uploadWait {
	pid, dir := servingProcess(m), ""
	for _, known := range a.runningMounts() {
		// In the foreground the arguments do not show the process.
		if known.PID == pid || (pid == 0 && string(known.Mountpoint) == m.target && string(known.URL) == m.source) {
			pid, dir = known.PID, string(known.StagingDir)
			break
		}
	}
	if pid == 0 {
		return nil
	}
	blind := dir == "" && processUser(pid) != os.Geteuid()
	if dir == "" && !blind {
		dir, _ = a.defaultStagingDir() // if there is none, it has none either
	}
	started, _ := processStart(pid)
	w := &uploadWait{
		out: a.stderr, terminal: isTerminal(a.stderr), pid: pid, url: m.source,
		list: func() ([]journal.Pending, error) {
			if dir == "" {
				return nil, nil
			}
			return journal.List(dir)
		},
		running: func() bool {
			now, ok := processStart(pid)
			return ok && now == started
		},
		poll: 50 * time.Millisecond, quiet: 10 * time.Second, grace: 5 * time.Second, blind: blind,
	}
	w.begin()
	return w
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// begin notes what is lost already.
func (w *uploadWait) begin() {
	w.lostBefore, w.seen = map[string]bool{}, map[string]*journal.Pending{}
	all, _ := w.list() // the next time says what is wrong
	for _, p := range all {
		if p.Lost {
			w.lostBefore[p.File] = true
		}
	}
}

// look returns what the process has still to upload, and what was lost
// meanwhile.
func (w *uploadWait) look() (pending, lost []journal.Pending) {
	all, err := w.list()
	if err != nil && !w.warned {
		w.warned = true
		w.say("what waits for its upload can not be listed completely: %s", oneLine(err))
	}
	for _, p := range all {
		switch {
		case p.Lost:
			if !w.lostBefore[p.File] {
				lost = append(lost, p)
			}
		case p.PID == w.pid:
			pending = append(pending, p)
			w.origin = p.Origin
		}
	}
	if w.origin != "" { // then another mount's losses are known as such
		ours := lost[:0]
		for _, p := range lost {
			if p.Origin == w.origin || p.Origin == "" {
				ours = append(ours, p)
			}
		}
		lost = ours
	}
	return pending, lost
}

// noWait says what is left.
func (w *uploadWait) noWait() error {
	pending, lost := w.look()
	return w.leave(pending, lost, w.running())
}

// wait returns when the process is gone. It does not lose patience as long as
// something is pending: the process tries again, or makes progress.
func (w *uploadWait) wait(interrupted <-chan os.Signal) error {
	defer w.hideBar()
	busy, said := time.Now(), time.Now()
	for {
		began := time.Now()
		running := w.running() // before looking: what it did last is seen then
		pending, lost := w.look()
		if !running {
			return w.leave(pending, lost, false)
		}
		switch now := time.Now(); {
		case len(pending) > 0:
			busy = now
			w.noteErrors(pending)
			if w.terminal {
				w.showBar(pending)
			} else if now.Sub(said) >= w.quiet {
				said = now
				w.say("%s still to be uploaded", amount(pending))
			}
		case w.blind:
			if now.Sub(said) >= w.quiet {
				said = now
				w.say("process %d, which another user started, has not ended yet; it may have something to upload", w.pid)
			}
		case now.Sub(busy) >= w.grace:
			return w.leave(nil, lost, true)
		}
		select {
		// Looking at very many files takes a while; it is not all that we do.
		case <-time.After(max(w.poll, min(10*time.Since(began), 5*time.Second))):
		case <-interrupted:
			w.hideBar()
			return w.leave(pending, lost, true)
		}
	}
}

// leave says how it ended.
func (w *uploadWait) leave(pending, lost []journal.Pending, running bool) error {
	w.hideBar()
	left := append(pending, lost...)
	if len(left) == 0 {
		return nil
	}
	const most = 20
	for i, p := range left {
		if i == most {
			_, _ = fmt.Fprintf(w.out, "and %d more\n", len(left)-most)
			break
		}
		p.Alive = running
		_, _ = io.WriteString(w.out, pendingText(p, time.Now()))
	}
	var parts []string
	switch {
	case len(pending) > 0 && running:
		parts = append(parts, fmt.Sprintf("%s not on the server yet; process %d goes on uploading", amount(pending), w.pid))
	case len(pending) > 0:
		parts = append(parts, fmt.Sprintf("%s not on the server, and the process that uploaded has ended; mount %s again to go on", amount(pending), ftpconn.Printable(w.url)))
	}
	if len(lost) > 0 {
		parts = append(parts, fmt.Sprintf("%s in lost+found and will not be uploaded", amount(lost)))
	}
	return fail(exitPending, "unmounted, but %s; see ftpfs pending", strings.Join(parts, ", and "))
}

// amount is "1 file (3 bytes) is" or "2 files (1.5M) are".
func amount(all []journal.Pending) string {
	size := int64(0)
	for _, p := range all {
		size += p.Size
	}
	verb := "are"
	if len(all) == 1 {
		verb = "is"
	}
	return fmt.Sprintf("%s (%s) %s", count(len(all), "file", "files"), sizeText(size), verb)
}

// noteErrors says each new error once, and counts what was seen.
func (w *uploadWait) noteErrors(pending []journal.Pending) {
	for _, p := range pending {
		old := w.seen[p.File]
		if p.Error != "" && (old == nil || old.Error != p.Error) {
			w.say("%s: %s; it is tried again", ftpconn.Printable(p.Path), ftpconn.Printable(p.Error))
		}
		w.seen[p.File] = &p
	}
}

// say writes a line, above the bar.
func (w *uploadWait) say(format string, args ...any) {
	if w.bar != nil {
		_ = w.bar.Clear()
	}
	_, _ = fmt.Fprintf(w.out, "ftpfs: "+format+"\n", args...)
}

func (w *uploadWait) showBar(pending []journal.Pending) {
	done, total := w.progress(pending)
	total = max(total, 1)
	done = min(done, total-1) // a full bar ends for good, and more may come
	if w.bar == nil {
		w.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(w.out), progressbar.OptionShowBytes(true), progressbar.OptionUseIECUnits(true),
			progressbar.OptionShowTotalBytes(true), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish())
	}
	w.bar.Describe(fmt.Sprintf("%s to upload", count(len(pending), "file", "files")))
	if w.bar.GetMax64() != total {
		w.bar.ChangeMax64(total)
	}
	_ = w.bar.Set64(done) // it is for show
}

// progress counts bytes: of all that was seen, and of what is not pending any
// more.
func (w *uploadWait) progress(pending []journal.Pending) (done, total int64) {
	for _, p := range w.seen {
		total += p.Size
	}
	done = total
	for _, p := range pending {
		done -= p.Size
	}
	return done, total
}

func (w *uploadWait) hideBar() {
	if w.bar != nil {
		_ = w.bar.Clear()
		w.bar = nil
	}
}
