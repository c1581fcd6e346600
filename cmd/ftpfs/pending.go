package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ftpfs/cache/journal"
	"ftpfs/ftpconn"

	"github.com/spf13/cobra"
)

func init() { moreCommands = append(moreCommands, newPendingCommand) }

func newPendingCommand(a *app) *cobra.Command {
	asJSON, dir := false, ""
	cmd := &cobra.Command{
		Use:   "pending [--json] [--staging-dir DIR]",
		Short: "List what is not on the server yet",
		Long: `pending lists the files that were written on mounts and are not on their servers
yet: those that a running mount is uploading, those that wait for the next mount
of their server, and those in lost+found, which can not be uploaded any more, or
must not. It asks no server.

The exit code is 0 if there is nothing, and 10 if there is something.

With --json it writes an array of objects with the members path, origin, state
(uploading, waiting or lost), size, saved, tries, error, file, session and pid.
A string that is not UTF-8 is written as {"base64": "..."}.

What is in lost+found stays there until you take it away: move the file that is
named, and it is not listed any more.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fail(exitUsage, "pending takes no arguments; see ftpfs pending --help")
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error { return a.pending(dir, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, with the exact bytes of names")
	cmd.Flags().StringVar(&dir, "staging-dir", "", "look into this `directory` only; default: those of this user's running mounts, and the default one")
	return cmd
}

func (a *app) pending(dir string, asJSON bool) error {
	dirs, err := a.stagingDirs(dir)
	if err != nil {
		return fail(exitUsage, "%w", err)
	}
	var all []journal.Pending
	var errs []error
	for _, dir := range dirs {
		more, err := journal.List(dir)
		all = append(all, more...)
		errs = append(errs, err)
	}
	if asJSON {
		err = writePendingJSON(a.stdout, all)
	} else {
		err = writePending(a.stdout, all, time.Now())
	}
	if err := errors.Join(append(errs, err)...); err != nil {
		return fail(exitFailure, "%w", err)
	}
	if len(all) > 0 {
		return &exitError{code: exitPending}
	}
	return nil
}

// stagingDirs are the directories to look into.
func (a *app) stagingDirs(given string) ([]string, error) {
	if given != "" {
		// Nothing pending in a directory that is not there would be a wrong comfort.
		info, err := os.Stat(given)
		switch {
		case err != nil:
			return nil, fmt.Errorf("--staging-dir: %w", err)
		case !info.IsDir():
			return nil, fmt.Errorf("--staging-dir %s: it is not a directory", given)
		}
		return []string{given}, nil
	}
	usual, err := a.defaultStagingDir()
	if err != nil {
		return nil, err
	}
	dirs := []string{usual}
	for _, m := range a.runningMounts() {
		if m.StagingDir != "" {
			dirs = append(dirs, filepath.Clean(string(m.StagingDir)))
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), nil
}

const (
	stateUploading = "uploading"
	stateWaiting   = "waiting"
	stateLost      = "lost"
)

func stateOf(p journal.Pending) string {
	switch {
	case p.Lost:
		return stateLost
	case p.Alive:
		return stateUploading
	}
	return stateWaiting
}

func writePendingJSON(w io.Writer, all []journal.Pending) error {
	type entry struct {
		Path    exactText  `json:"path"`
		Origin  exactText  `json:"origin"`
		State   string     `json:"state"`
		Size    int64      `json:"size"`
		Saved   *time.Time `json:"saved,omitempty"`
		Tries   int        `json:"tries"`
		Error   exactText  `json:"error"`
		File    exactText  `json:"file"`
		Session string     `json:"session,omitempty"`
		PID     int        `json:"pid,omitempty"`
	}
	entries := []entry{} // not null
	for _, p := range all {
		e := entry{
			Path: exactText(p.Path), Origin: exactText(p.Origin), State: stateOf(p), Size: p.Size, Tries: p.Tries,
			Error: exactText(p.Error), File: exactText(p.File), Session: p.Session,
		}
		if !p.Saved.IsZero() {
			saved := p.Saved.UTC()
			e.Saved = &saved
		}
		if p.Alive {
			e.PID = p.PID
		}
		entries = append(entries, e)
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(entries)
}

// writePending writes a list for people.
func writePending(w io.Writer, all []journal.Pending, now time.Time) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "Nothing is pending: all that was written is on the servers.")
		return err
	}
	var b strings.Builder
	for _, p := range all {
		b.WriteString(pendingText(p, now))
	}
	b.WriteString(summary(all) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// pendingText describes one file in two lines or three.
func pendingText(p journal.Pending, now time.Time) string {
	var b strings.Builder
	path := ftpconn.Printable(p.Path)
	if path == "" {
		path = "(a file whose name is not known)"
	}
	fmt.Fprintf(&b, "%s\n    %s", path, sizeText(p.Size))
	if !p.Saved.IsZero() {
		word := "since"
		if p.Lost {
			word = "lost"
		}
		fmt.Fprintf(&b, ", %s %s", word, p.Saved.Local().Format("2006-01-02 15:04:05"))
		if age := now.Sub(p.Saved); age >= time.Second {
			fmt.Fprintf(&b, " (%s ago)", ageText(age))
		}
	}
	if p.Tries > 0 {
		fmt.Fprintf(&b, ", %s", count(p.Tries, "try", "tries"))
	}
	origin := ftpconn.Printable(p.Origin)
	if origin == "" {
		origin = "its server"
	}
	switch stateOf(p) {
	case stateUploading:
		fmt.Fprintf(&b, ", uploading to %s by process %d\n", origin, p.PID)
	case stateWaiting:
		fmt.Fprintf(&b, ", waiting for the next mount of %s\n", origin)
	case stateLost:
		fmt.Fprintf(&b, ", of %s\n    lost+found: %s; what there is of it is in:\n    %s\n", origin, reasonText(p.Error), ftpconn.Printable(p.File))
		return b.String()
	}
	if p.Error != "" {
		fmt.Fprintf(&b, "    last error: %s\n", ftpconn.Printable(p.Error))
	}
	return b.String()
}

func reasonText(s string) string {
	if s == "" {
		return "the reason is not known"
	}
	return ftpconn.Printable(s)
}

// summary counts: 2 files (1.5M) are being uploaded, 1 file (20 bytes) is lost.
func summary(all []journal.Pending) string {
	var parts []string
	for _, k := range []struct{ state, one, many string }{
		{stateUploading, "is being uploaded", "are being uploaded"},
		{stateWaiting, "waits for the next mount", "wait for the next mount"},
		{stateLost, "is in lost+found", "are in lost+found"},
	} {
		n, size := 0, int64(0)
		for _, p := range all {
			if stateOf(p) == k.state {
				n++
				size += p.Size
			}
		}
		if n == 0 {
			continue
		}
		verb := k.many
		if n == 1 {
			verb = k.one
		}
		parts = append(parts, fmt.Sprintf("%s (%s) %s", count(n, "file", "files"), sizeText(size), verb))
	}
	return strings.Join(parts, ", ")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// sizeText writes a size as a person would.
func sizeText(n int64) string {
	if n < 1024 {
		return count(int(n), "byte", "bytes")
	}
	size, unit := float64(n)/1024, 0
	for size >= 1023.95 && unit < 4 { // what would be written as 1024.0
		size /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f%c", size, "KMGTP"[unit])
}

// ageText writes a duration with one unit, rounded down.
func ageText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return count(int(d/time.Second), "second", "seconds")
	case d < time.Hour:
		return count(int(d/time.Minute), "minute", "minutes")
	case d < 48*time.Hour:
		return count(int(d/time.Hour), "hour", "hours")
	}
	return count(int(d/(24*time.Hour)), "day", "days")
}
