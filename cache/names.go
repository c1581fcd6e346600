package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"
)

// Mkdir makes a directory.
func (c *Cache) Mkdir(ctx context.Context, full string, perm uint32) (ftpconn.Entry, error) {
	if c.cfg.ReadOnly {
		return ftpconn.Entry{}, ErrReadOnly
	}
	if err := c.remote.Mkdir(ctx, full); err != nil {
		if errors.Is(err, fs.ErrExist) {
			c.Forget(full) // we did not know
		}
		return ftpconn.Entry{}, err
	}
	e := ftpconn.Entry{Name: path.Base(full), Type: listing.Dir, Size: -1, ModTime: c.cfg.Now().UTC(), ModPrec: listing.Second, HasMode: true, Mode: usualDir}
	if perm&0o777 != usualDir && c.remote.SetMode(ctx, full, perm&0o777) == nil {
		e.Mode = uint16(perm & 0o777)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noteLocked(full, &e)
	c.forgetTreeLocked(full)
	// It is empty, and nobody has to ask for that.
	c.keepLocked(full, &ftpconn.Listing{Complete: true}, c.changeSeq).own = true
	return e, nil
}

// Rmdir removes an empty directory.
func (c *Cache) Rmdir(ctx context.Context, full string) error {
	if c.cfg.ReadOnly {
		return ErrReadOnly
	}
	c.mu.Lock()
	waits := len(c.draftsIn[full]) > 0
	c.mu.Unlock()
	if waits {
		return fmt.Errorf("%s: %w", ftpconn.Printable(full), ftpconn.ErrNotEmpty)
	}
	err := c.remote.Rmdir(ctx, full)
	if errors.Is(err, ftpconn.ErrNotEmpty) {
		c.mu.Lock()
		c.forgetLocked(full) // there is something that we do not know
		c.mu.Unlock()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noteLocked(full, nil)
	c.forgetTreeLocked(full)
	c.forgetTimesLocked(full)
	return err
}

// forgetTreeLocked drops the listings of a directory and all below it.
func (c *Cache) forgetTreeLocked(full string) {
	for _, dir := range c.dirs.Keys() {
		if below(full, dir) {
			c.forgetLocked(dir)
		}
	}
}

// below says whether a path is dir or in it.
func below(dir, full string) bool {
	return full == dir || dir == "/" || strings.HasPrefix(full, dir+"/")
}

// Remove removes what is no directory. Those who have a Draft of it open go on
// with that.
func (c *Cache) Remove(ctx context.Context, full string) error {
	if c.cfg.ReadOnly {
		return ErrReadOnly
	}
	d := c.Opened(full)
	if d != nil {
		defer d.Close()
		if err := d.turn.take(ctx); err != nil {
			return err
		}
		defer d.turn.give()
		c.mu.Lock()
		here := c.drafts[full] == d
		unsent := here && d.base == nil
		c.mu.Unlock()
		d.mu.Lock()
		half := d.half
		d.mu.Unlock()
		if unsent && !half {
			c.lostName(full, d)
			d.unrecord()
			return nil
		}
		if err := d.keepReadable(ctx); err != nil {
			return err
		}
	}
	err := c.remote.Remove(ctx, full)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c.lostName(full, d)
	if d != nil {
		d.unrecord()
		return nil
	}
	return err
}

// keepReadable brings what the server has of an open file here, before it is
// removed there. The caller has the turn.
func (d *Draft) keepReadable(ctx context.Context) error {
	d.c.mu.Lock()
	open := d.users > 1 // beside the one who removes it
	d.c.mu.Unlock()
	if !open || d.Size() > holdLimit {
		return nil
	}
	return d.fill(ctx)
}

// lostName notes that nothing is under a path any more. d is the Draft that was
// there, or nil.
func (c *Cache) lostName(full string, d *Draft) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d != nil {
		c.displaceLocked(d)
		d.gone = true
	}
	c.bumpLocked(full)
	delete(c.times, full)
	c.noteLocked(full, nil)
}

// Rename gives a file or a directory another name, in place of what has it now,
// or, with noReplace, only if nothing has.
func (c *Cache) Rename(ctx context.Context, from, to string, noReplace bool) error {
	if c.cfg.ReadOnly {
		return ErrReadOnly
	}
	if from == to {
		return nil
	}
	if below(from, to) {
		return ErrInside
	}
	source, err := c.Lookup(ctx, path.Dir(from), path.Base(from))
	if err != nil {
		return err
	}
	target, err := c.Lookup(ctx, path.Dir(to), path.Base(to))
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if noReplace {
		if !exists && c.cfg.Now().Sub(c.listedAt(path.Dir(to))) > sureFor {
			if target, exists, err = c.remote.Exists(ctx, to, ftpconn.LaneMeta); err != nil {
				return err
			}
		}
		if exists {
			c.Forget(to)
			return fmt.Errorf("%s: %w", ftpconn.Printable(to), fs.ErrExist)
		}
	}
	if exists {
		if err := c.mayReplace(ctx, source, target, to); err != nil {
			return err
		}
	}
	moved, give, err := c.takeTurns(ctx, from, to)
	if err != nil {
		return err
	}
	defer give()
	for _, m := range moved { // their temporary names may be in another directory then
		if err := m.settleStream(ctx); err != nil {
			return err
		}
	}
	c.mu.Lock()
	d, over := c.drafts[from], c.drafts[to]
	unsent := d != nil && d.base == nil
	c.mu.Unlock()
	if unsent {
		if err := d.removeHalf(ctx, from); err != nil {
			return err
		}
	}
	switch {
	case over != nil:
		if err := over.keepReadable(ctx); err != nil {
			return err
		}
		c.mu.Lock()
		unsentTarget := over.base == nil
		c.mu.Unlock()
		if unsentTarget {
			if err := over.removeHalf(ctx, to); err != nil {
				return err
			}
		}
	case exists: // what was to be sent a moment ago may be there by now
		if now, err := c.Lookup(ctx, path.Dir(to), path.Base(to)); err == nil {
			target = now
		}
	}
	if d != nil {
		d.mu.Lock()
		needed := d.originEnd > 0
		d.mu.Unlock()
		if needed { // what was read of it is known by its old name
			if _, err := d.openOrigin(ctx); err != nil {
				return err
			}
		}
	}
	if !unsent {
		// A target that is on this machine only can not be in the way.
		onServer := exists && (over == nil || over.base != nil || over.mayBeThere())
		if err := c.replace(ctx, from, to, onServer, target.Type == listing.Dir); err != nil {
			return err
		}
	}
	c.renamed(from, to, source, d, over, target, exists, unsent)
	if over != nil {
		over.unrecord()
	}
	for _, m := range moved {
		if m.isRecorded() {
			if err := m.record(nil); err != nil {
				c.cfg.Logger.Error("journal", "path", ftpconn.Printable(to), "error", err)
			}
		}
	}
	return nil
}

// removeHalf removes what an upload that broke may have left under a name that
// was free before: it is not what a rename is to move. The caller has the turn.
func (d *Draft) removeHalf(ctx context.Context, full string) error {
	d.mu.Lock()
	half, size := d.half, d.halfUpto
	d.mu.Unlock()
	if !half {
		return nil
	}
	e, found, err := d.c.remote.Exists(ctx, full, ftpconn.LaneMeta)
	if err == nil && found && e.Type == listing.File && e.Size <= size {
		err = d.c.remote.Remove(ctx, full)
		found = false
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if found { // somebody else's
		d.c.Forget(full)
	}
	d.mu.Lock()
	d.half, d.halfUpto = false, 0
	d.mu.Unlock()
	return nil
}

// ErrInside refuses to move a directory into itself.
var ErrInside = errors.New("a directory can not be moved into itself")

// unrecord takes what is not wanted any more out of the journal. The caller has
// the turn.
func (d *Draft) unrecord() {
	d.dropPrior()
	d.mu.Lock()
	item, recorded := d.item, d.recorded
	d.recorded = false
	d.mu.Unlock()
	if recorded && item != nil {
		if err := item.Clear(); err != nil {
			d.c.cfg.Logger.Warn("journal", "error", err)
		}
	}
}

func (d *Draft) isRecorded() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.recorded
}

// mayReplace says whether POSIX lets a rename replace target.
func (c *Cache) mayReplace(ctx context.Context, source, target ftpconn.Entry, to string) error {
	switch {
	case source.Type == listing.Dir && target.Type != listing.Dir:
		return fmt.Errorf("%s: %w", ftpconn.Printable(to), ftpconn.ErrNotDir)
	case source.Type != listing.Dir && target.Type == listing.Dir:
		return fmt.Errorf("%s: %w", ftpconn.Printable(to), ftpconn.ErrIsDir)
	case target.Type == listing.Dir:
		d, err := c.Dir(ctx, to)
		if err != nil {
			return err
		}
		if d.Len() > 0 {
			return fmt.Errorf("%s: %w", ftpconn.Printable(to), ftpconn.ErrNotEmpty)
		}
	}
	return nil
}

// takeTurns takes the turns of all Drafts that a rename touches; give gives
// them back. moved are those that get another path. The turns are taken in the
// order of the Drafts' addresses in the program's memory, so to speak: by their
// number, so that two renames can not wait for each other.
func (c *Cache) takeTurns(ctx context.Context, from, to string) (moved []*Draft, give func(), err error) {
	c.mu.Lock()
	var all []*Draft
	for full, d := range c.drafts {
		if below(from, full) {
			moved = append(moved, d)
			all = append(all, d)
		} else if full == to {
			all = append(all, d)
		}
	}
	for _, d := range all {
		d.users++
	}
	c.mu.Unlock()
	slices.SortFunc(all, func(a, b *Draft) int { return cmp64(a.id, b.id) })
	taken := 0
	give = func() {
		for _, d := range all[:taken] {
			d.turn.give()
		}
		for _, d := range all {
			d.Close()
		}
	}
	for _, d := range all {
		if err := d.turn.take(ctx); err != nil {
			give()
			return nil, nil, err
		}
		taken++
	}
	return moved, give, nil
}

// renamed writes a rename into all that the cache has.
func (c *Cache) renamed(from, to string, source ftpconn.Entry, d, over *Draft, target ftpconn.Entry, exists, unsent bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if over != nil {
		c.displaceLocked(over)
		over.gone = true
		if over.base == nil {
			exists = false
		} else {
			target = *over.base
		}
	}
	target = c.knownLocked(to, target)
	if unsent && exists {
		// What it will replace when it is sent.
		d.base = &target
		d.since = c.listedAtLocked(path.Dir(to))
		d.mu.Lock()
		d.originEnd, d.clean = 0, 0
		d.appended = false
		d.mu.Unlock()
	}
	for _, full := range c.draftsBelowLocked(from) {
		m := c.drafts[full]
		c.displaceLocked(m)
		c.placeLocked(m, to+full[len(from):])
	}
	for _, t := range c.contents {
		if p := t.path(); below(from, p) {
			now := to + p[len(from):]
			t.place.Store(&now)
		}
	}
	c.forgetTimesLocked(to)
	for full, t := range c.times {
		if below(from, full) {
			delete(c.times, full)
			c.times[to+full[len(from):]] = t
		}
	}
	c.bumpLocked(from)
	c.bumpLocked(to)
	c.forgetTreeLocked(to)
	for _, dir := range c.dirs.Keys() {
		if known, ok := c.dirs.Peek(dir); ok && below(from, dir) {
			c.dirs.Remove(dir)
			c.dirs.Add(to+dir[len(from):], known)
		}
	}
	e := source
	if d != nil {
		e = d.entryLocked()
	}
	c.noteLocked(from, nil)
	c.noteLocked(to, &e)
}

func (c *Cache) listedAtLocked(dir string) (at time.Time) {
	d, ok := c.dirs.Peek(dir)
	switch {
	case !ok:
		return at
	case d.own && c.cfg.Now().Sub(d.loaded) < c.cfg.ListTTL:
		return c.cfg.Now() // who else should know of it
	}
	return d.loaded
}

func (c *Cache) draftsBelowLocked(dir string) []string {
	var all []string
	for full := range c.drafts {
		if below(dir, full) {
			all = append(all, full)
		}
	}
	return all
}

// Symlink makes a symbolic link, where the server can; otherwise it is
// ftpconn.ErrNotSupported.
func (c *Cache) Symlink(ctx context.Context, target, full string) (ftpconn.Entry, error) {
	if c.cfg.ReadOnly {
		return ftpconn.Entry{}, ErrReadOnly
	}
	if _, err := c.Lookup(ctx, path.Dir(full), path.Base(full)); err == nil {
		return ftpconn.Entry{}, fmt.Errorf("%s: %w", ftpconn.Printable(full), fs.ErrExist)
	}
	if err := c.remote.Symlink(ctx, target, full); err != nil {
		return ftpconn.Entry{}, err
	}
	e := ftpconn.Entry{Name: path.Base(full), Type: listing.Symlink, Target: target, Size: int64(len(target)), ModTime: c.cfg.Now().UTC(), ModPrec: listing.Second}
	c.note(full, &e)
	return e, nil
}
