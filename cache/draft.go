package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sync"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"
)

// Draft is a file that is being written: what the server has, with changes that
// it has not got yet. All who have the file open share one.
//
// Its changed bytes are in a sparse file of the journal; the others are read
// from the server when they are asked for. Sync and Finish bring the whole to
// the server.
type Draft struct {
	c    *Cache
	id   int64
	turn turn // whoever has it may change the content, or send it

	path  string         // guarded by Cache.mu, as all up to mu
	users int            // handles
	gone  bool           // it has no name any more: nothing is sent
	base  *ftpconn.Entry // what the server has under the path; nil: nothing
	since time.Time      // when that was known
	kept  bool           // a retry, or the end of a write-back, is under way
	tries int            // of them

	room sync.RWMutex // held while file is read, and taken to give parts of it up; before mu

	mu        sync.Mutex // guards all that follows; a leaf
	item      item
	file      *os.File // of item
	local     spans    // what file has
	origin    *File    // the rest, below originEnd; nil: there is none
	originEnd int64
	size      int64
	clean     int64     // nothing before this offset was changed since base
	mtime     time.Time // of the last change; a full second, as servers keep it
	mode      uint16
	modeSet   bool   // mode is to be sent
	timeSet   bool   // mtime was given by a program
	dirty     bool   // the server has not got it all
	appended  bool   // written only by handles that append
	torn      bool   // an append broke, and how much of it arrived is not known
	half      bool   // an upload to the file's own name may have broken half-way
	recorded  bool   // the journal has a record of it
	prior     []item // what the journal has of it, from before it was emptied
	midst     bool   // somebody is writing it: it is not sent as it is, unless he wants it so
	restless  bool   // it was not written in order: it is not streamed again
	guessed   bool   // half is no more than possible
	altered   bool   // it was written to since half was set
	halfUpto  int64  // how large such a part can be
	sender    *sender
	failed    error // of the last attempt to send it
	ended     error // why nothing can be written any more: the content is elsewhere
}

// turn is a mutex that one can stop waiting for.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	default:
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) give() { <-t }

// sureFor is how long it is believed without another look that a name is free.
const sureFor = 2 * time.Second

// Create makes a new file, which is on the server when it has been synced or
// closed; at the latest then it is found out whether somebody else made one of
// the same name. With excl an existing file is fs.ErrExist, otherwise it is
// opened. The Draft must be closed.
func (c *Cache) Create(ctx context.Context, full string, perm uint32, excl bool) (*Draft, error) {
	if c.cfg.ReadOnly {
		return nil, ErrReadOnly
	}
	dir, name := path.Split(full)
	dir = path.Clean(dir)
	if e, err := c.Lookup(ctx, dir, name); err == nil {
		if excl {
			return nil, fmt.Errorf("%s: %w", ftpconn.Printable(full), fs.ErrExist)
		}
		return c.Edit(ctx, full, e, false)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	since := c.listedAt(dir)
	if excl && c.cfg.Now().Sub(since) > sureFor {
		switch _, found, err := c.remote.Exists(ctx, full, ftpconn.LaneMeta); {
		case err != nil:
			return nil, err
		case found:
			c.Forget(full)
			return nil, fmt.Errorf("%s: %w", ftpconn.Printable(full), fs.ErrExist)
		}
		since = c.cfg.Now()
	}
	now := c.cfg.Now().Truncate(time.Second)
	d := &Draft{c: c, turn: newTurn(), path: full, users: 1, since: since, mtime: now, mode: uint16(perm & 0o777), dirty: true, appended: true}
	d.modeSet = perm&0o777 != usualFile
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.drafts[full]; other != nil {
		if excl {
			return nil, fmt.Errorf("%s: %w", ftpconn.Printable(full), fs.ErrExist)
		}
		other.users++
		return other, nil
	}
	c.placeLocked(d, full)
	e := d.entryLocked()
	c.noteLocked(full, &e)
	return d, nil
}

// Modes that servers give to what is new, with the usual umask: they need not
// be set.
const (
	usualFile = 0o644
	usualDir  = 0o755
)

// Edit opens an existing file for changes; truncate empties it. The Draft must
// be closed.
func (c *Cache) Edit(ctx context.Context, full string, e ftpconn.Entry, truncate bool) (*Draft, error) {
	if c.cfg.ReadOnly {
		return nil, ErrReadOnly
	}
	d := c.Opened(full)
	if d == nil {
		if e.SizeRough || e.Size < 0 {
			exact, err := c.remote.Stat(ctx, full, ftpconn.LaneMeta)
			if err != nil {
				return nil, err
			}
			if e.Size, e.SizeRough = exact.Size, false; e.Size < 0 {
				return nil, fmt.Errorf("%s: the server does not tell its size: %w", ftpconn.Printable(full), errors.ErrUnsupported)
			}
		}
		c.mu.Lock()
		base := c.knownLocked(full, e)
		c.mu.Unlock()
		d = &Draft{c: c, turn: newTurn(), path: full, users: 1, base: &base, since: c.listedAt(path.Dir(full)),
			size: e.Size, originEnd: e.Size, clean: e.Size, mtime: e.ModTime, mode: e.Mode, appended: true}
		c.mu.Lock()
		if other := c.drafts[full]; other != nil {
			other.users++
			d = other
		} else {
			c.baseLocked(d, full)
			c.placeLocked(d, full)
		}
		c.mu.Unlock()
	}
	if truncate {
		if err := d.Truncate(ctx, 0); err != nil {
			d.Close()
			return nil, err
		}
	}
	return d, nil
}

// baseLocked makes a new Draft one of what the listing says now. The entry that
// it was made of may be that of another Draft, which has been sent meanwhile, or
// have a time that the server could not be told.
func (c *Cache) baseLocked(d *Draft, full string) {
	dir, ok := c.dirs.Peek(path.Dir(full))
	if !ok {
		return
	}
	now, ok := dir.entryNowLocked(path.Base(full))
	if !ok || now.Type != listing.File || now.SizeRough || now.Size < 0 {
		return
	}
	d.base, d.size, d.originEnd, d.clean, d.mtime, d.mode = &now, now.Size, now.Size, now.Size, now.ModTime, now.Mode
}

// Opened returns the Draft of a path with one more user, or nil if there is
// none.
func (c *Cache) Opened(full string) *Draft {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.drafts[full]
	if d != nil {
		d.users++
	}
	return d
}

// listedAt is when it was known, as far as it was, what a directory does not
// have.
func (c *Cache) listedAt(dir string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listedAtLocked(dir)
}

// placeLocked makes a Draft the one of a path. The caller holds Cache.mu.
func (c *Cache) placeLocked(d *Draft, full string) {
	dir, name := path.Split(full)
	dir = path.Clean(dir)
	d.path = full
	if d.id == 0 {
		c.lastDraft++
		d.id = c.lastDraft
	}
	c.drafts[full] = d
	if c.draftsIn[dir] == nil {
		c.draftsIn[dir] = make(map[string]*Draft)
	}
	c.draftsIn[dir][name] = d
}

// displaceLocked takes a Draft away from its path.
func (c *Cache) displaceLocked(d *Draft) {
	if c.drafts[d.path] != d {
		return
	}
	delete(c.drafts, d.path)
	dir, name := path.Split(d.path)
	dir = path.Clean(dir)
	delete(c.draftsIn[dir], name)
	if len(c.draftsIn[dir]) == 0 {
		delete(c.draftsIn, dir)
	}
}

// Entry describes the file as it is now.
func (d *Draft) Entry() ftpconn.Entry {
	d.c.mu.Lock()
	defer d.c.mu.Unlock()
	return d.entryLocked()
}

// entryLocked is Entry for those who hold Cache.mu.
func (d *Draft) entryLocked() ftpconn.Entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := ftpconn.Entry{Type: listing.File, HasMode: true, Mode: d.mode}
	if d.base != nil {
		e = *d.base
		if d.modeSet {
			e.HasMode, e.Mode = true, d.mode
		}
	}
	e.Name = path.Base(d.path)
	e.Size = d.size
	if d.dirty {
		e.Unique = ""
		e.ModTime, e.ModPrec = d.mtime, listing.Second
		return e
	}
	d.c.keptTimeLocked(d.path, &e)
	return e
}

// Size is the size now.
func (d *Draft) Size() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.size
}

// Clean says that the server has all of it, under its name.
func (d *Draft) Clean() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.dirty && d.ended == nil
}

// Ended is the error that a Draft has ended with, if it is one for those who
// still have it open.
func (d *Draft) Ended() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if errors.Is(d.ended, errKeptBeside) && d.c.cfg.OnConflict == ConflictKeepBoth {
		return nil
	}
	return d.ended
}

// Pristine says that nothing was written since it was made or emptied.
func (d *Draft) Pristine() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.size == 0
}

// Use adds a user to a Draft; false if it has ended.
func (d *Draft) Use() bool {
	d.c.mu.Lock()
	defer d.c.mu.Unlock()
	if d.users == 0 && (d.gone || d.c.drafts[d.path] != d) {
		return false
	}
	d.users++
	return true
}

// stage returns the file for changed bytes. The caller has the turn.
func (d *Draft) stage() (*os.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file != nil {
		return d.file, nil
	}
	item, err := d.c.journal.Create()
	if err != nil {
		return nil, err
	}
	d.item, d.file = item, item.File()
	return d.file, nil
}

// Close ends the use of a Draft by one handle. What is not on the server by
// then, and was written after the last Sync or Finish, or could not be sent
// then, is sent in the background.
func (d *Draft) Close() {
	c := d.c
	c.mu.Lock()
	d.users--
	last := d.users == 0
	c.mu.Unlock()
	if last && !c.background(d.leave) {
		d.leave()
	}
}

// leave ends a Draft that nobody has open, unless there is something to send.
func (d *Draft) leave() {
	c := d.c
	_ = d.turn.take(context.Background())
	defer d.turn.give()
	c.mu.Lock()
	if d.users > 0 {
		c.mu.Unlock()
		return
	}
	d.mu.Lock()
	unsent := d.dirty && !d.gone
	failed := d.failed
	d.mu.Unlock()
	if !unsent {
		c.displaceLocked(d)
		d.gone = true
		c.mu.Unlock()
		d.discard()
		return
	}
	waits := d.kept
	c.mu.Unlock()
	d.mu.Lock()
	midst := d.midst
	d.midst = false
	d.mu.Unlock()
	if waits && !midst {
		return
	}
	if failed != nil && final(failed) {
		d.lose(failed, 0)
		return
	}
	if err := d.record(failed); err != nil {
		c.cfg.Logger.Error("what was written can not be kept on this machine", "path", d.path, "error", err)
	}
	c.later(d, failed != nil)
}

// discard drops the local copy. The caller has the turn.
func (d *Draft) discard() {
	d.stopSender()
	d.mu.Lock()
	item, origin := d.item, d.origin
	d.item, d.file, d.origin = nil, nil, nil
	d.mu.Unlock()
	d.dropPrior()
	if origin != nil {
		_ = origin.Close()
	}
	if item != nil {
		if err := item.Drop(); err != nil {
			d.c.cfg.Logger.Warn("staging file", "error", err)
		}
	}
}

// putAside keeps what the journal has of a file that is about to be emptied: a
// program was told that it is safe, and it is so until there is something
// newer. The caller has the turn.
func (d *Draft) putAside() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.recorded && d.item != nil {
		d.prior = append(d.prior, d.item)
		d.item, d.file, d.recorded = nil, nil, false
	}
}

// dropPrior drops what putAside kept.
func (d *Draft) dropPrior() {
	d.mu.Lock()
	prior := d.prior
	d.prior = nil
	d.mu.Unlock()
	for _, item := range prior {
		if err := item.Drop(); err != nil {
			d.c.cfg.Logger.Warn("staging file", "error", err)
		}
	}
}
