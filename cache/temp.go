package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"ftpfs/ftpconn"
	"ftpfs/ftpconn/listing"
)

// Content that replaces something, and all that is large, goes to a temporary
// name in the same directory first, and then by a rename to its own. The names
// are not shown, and are noted in the journal before they are used, so that
// what a crash leaves of them is removed by the next mount.

// tidyWait bounds how long the server is waited for when something is only put
// in order.
const tidyWait = time.Minute

// tempName invents a temporary name beside a path.
func (c *Cache) tempName(full string) string {
	temp := c.hiddenName(full)
	if err := c.journal.AddTemp(temp); err != nil {
		c.cfg.Logger.Warn("journal", "error", err)
	}
	return temp
}

// hiddenName invents such a name without a note in the journal.
func (c *Cache) hiddenName(full string) string {
	temp := path.Join(path.Dir(full), ".ftpfs-"+rand.Text()[:12]+".part")
	c.hide(temp)
	return temp
}

func (c *Cache) hide(temp string) {
	dir := path.Dir(temp)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hiddenIn[dir] == nil {
		c.hiddenIn[dir] = make(map[string]bool)
	}
	c.hiddenIn[dir][path.Base(temp)] = true
}

// backTo stands in the journal between the temporary name that an old version
// has got, to make room for a new one, and its own. No name holds it.
const backTo = "\x00"

// forgetTemp notes that a temporary name is not in use any more.
func (c *Cache) forgetTemp(temp string) {
	c.journal.DropTemp(temp)
	dir := path.Dir(temp)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listing > 0 {
		c.noteLocked(temp, nil) // a listing under way may have it still
	}
	delete(c.hiddenIn[dir], path.Base(temp))
	if len(c.hiddenIn[dir]) == 0 {
		delete(c.hiddenIn, dir)
	}
}

// dropTemp removes what is under a temporary name, in the background.
func (c *Cache) dropTemp(temp string) {
	c.background(func() {
		ctx, cancel := context.WithTimeout(c.ctx, tidyWait)
		defer cancel()
		err := c.remote.Remove(ctx, temp)
		if err == nil || errors.Is(err, fs.ErrNotExist) || ftpconn.Final(err) {
			c.note(temp, nil)
			c.forgetTemp(temp)
		}
	})
}

// dropOldTemps removes what earlier mounts left under temporary names.
func (c *Cache) dropOldTemps() {
	temps := c.journal.Temps()
	asides := make(map[string]bool)
	for _, temp := range temps {
		if aside, _, ok := strings.Cut(temp, backTo); ok {
			asides[aside] = true
		}
	}
	for _, temp := range temps {
		if full, note, ok := strings.Cut(temp, directly); ok {
			c.background(func() { c.dropPart(temp, full, note) })
			continue
		}
		aside, own, ok := strings.Cut(temp, backTo)
		switch {
		case ok:
			c.hide(aside)
			c.background(func() { c.putBack(temp, aside, own) })
		case !asides[temp]:
			c.hide(temp)
			c.dropTemp(temp)
		}
	}
}

// putBack ends what an earlier mount was killed at: it had moved the old version
// of a file aside. If nothing has taken its place, it gets its name back.
func (c *Cache) putBack(note, aside, own string) {
	ctx, cancel := context.WithTimeout(c.ctx, tidyWait)
	defer cancel()
	_, err := c.remote.Stat(ctx, own, ftpconn.LaneMeta)
	switch {
	case err == nil:
		err = c.remote.Remove(ctx, aside)
	case errors.Is(err, fs.ErrNotExist):
		if err = c.remote.Rename(ctx, aside, own); err == nil {
			c.Forget(own)
		}
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		c.forgetTemp(aside)
		c.journal.DropTemp(note)
	}
}

// directly separates the path of a new file that is sent under its own name from
// its size and the time.
const directly = "\x00directly\x00"

// noteDirect notes for the next mount that a new file is about to be sent under
// its own name, until done is called.
func (c *Cache) noteDirect(full string, size int64) (done func()) {
	note := fmt.Sprintf("%s%s%d %d", full, directly, size, c.cfg.Now().Unix())
	if err := c.journal.AddTemp(note); err != nil {
		c.cfg.Logger.Warn("journal", "error", err)
	}
	return func() { c.journal.DropTemp(note) }
}

// clockSlack is how far the clock of a server may be from ours for a file on it
// to be taken for one that we made then.
const clockSlack = 10 * time.Minute

// dropPart removes what a mount that was killed has left of a new file: nobody
// was told that it is there. What is not certainly that stays.
func (c *Cache) dropPart(note, full, what string) {
	ctx, cancel := context.WithTimeout(c.ctx, tidyWait)
	defer cancel()
	var size, when int64
	if _, err := fmt.Sscanf(what, "%d %d", &size, &when); err != nil {
		c.journal.DropTemp(note)
		return
	}
	e, found, err := c.remote.Exists(ctx, full, ftpconn.LaneMeta)
	if err != nil {
		return // the next mount will look
	}
	c.mu.Lock()
	ours := c.drafts[full] != nil // it is sent again
	c.mu.Unlock()
	if found && !ours && e.Type == listing.File && e.Size >= 0 && e.Size < size && e.ModTime.Sub(time.Unix(when, 0)).Abs() < clockSlack {
		c.cfg.Logger.Warn("a part of a new file, left by an earlier mount, is removed", "path", ftpconn.Printable(full), "size", e.Size, "of", size)
		if err := c.remote.Remove(ctx, full); err != nil && !ftpconn.Final(err) {
			return
		}
		c.Forget(full)
	}
	c.journal.DropTemp(note)
}

// refusesTemp says that the directory of a path is known to take no temporary
// names.
func (c *Cache) refusesTemp(full string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.noRename || c.noTemp[path.Dir(full)]
}

// renameRefusal says whether an error is that of a server that can not rename at
// all, and remembers that: files are overwritten in place there.
func (c *Cache) renameRefusal(full string, err error) bool {
	if !errors.Is(err, ftpconn.ErrNotSupported) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noRename = true
	c.cfg.Logger.Warn("the server does not rename: files are overwritten in place", "path", ftpconn.Printable(full), "error", err)
	return true
}

// tempRefusal says whether an error of an upload to a temporary name may be
// about the name, so that the file's own may do: some servers take no names that
// begin with a dot, and some let a user overwrite files and make none.
func tempRefusal(err error) bool { return errors.Is(err, fs.ErrPermission) }

// noTempIn remembers that a directory takes no temporary names.
func (c *Cache) noTempIn(dir string, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.noTemp[dir] {
		c.noTemp[dir] = true
		c.cfg.Logger.Warn("the server takes no temporary names here: files are overwritten in place", "directory", ftpconn.Printable(dir), "error", why)
	}
}

// replace renames a file over another one, or a directory over an empty one.
// Some servers refuse that: there the old one is moved aside first, and back if
// the new one can not take its place.
func (c *Cache) replace(ctx context.Context, from, to string, exists, isDir bool) error {
	c.mu.Lock()
	refuses := c.noReplace && !isDir
	c.mu.Unlock()
	var err error
	if !exists || !refuses {
		err = c.remote.Rename(ctx, from, to)
		if err == nil || !exists || !ftpconn.Final(err) {
			return err
		}
	}
	if isDir {
		return c.replaceDir(ctx, from, to, err)
	}
	aside := c.hiddenName(to)
	note := aside + backTo + to // what the next mount has to know, if there is no end to this
	if err := c.journal.AddTemp(note); err != nil {
		c.cfg.Logger.Warn("journal", "error", err)
	}
	defer c.journal.DropTemp(note)
	if moved := c.remote.Rename(ctx, to, aside); moved != nil {
		c.forgetTemp(aside)
		switch {
		case err != nil:
			return err // the first refusal says more
		case errors.Is(moved, fs.ErrNotExist):
			return c.remote.Rename(ctx, from, to) // nothing is in the way
		}
		return moved
	}
	if err := c.remote.Rename(ctx, from, to); err != nil {
		if back := c.remote.Rename(context.WithoutCancel(ctx), aside, to); back == nil {
			c.forgetTemp(aside)
		} else {
			c.cfg.Logger.Error("the old version of a file could not get its name back", "path", ftpconn.Printable(to), "it is now", ftpconn.Printable(aside), "error", back)
			c.keepTemp(aside)
		}
		return err
	}
	c.mu.Lock()
	c.noReplace = true
	c.mu.Unlock()
	if err := c.journal.AddTemp(aside); err != nil {
		c.cfg.Logger.Warn("journal", "error", err)
	}
	c.dropTemp(aside)
	return nil
}

// replaceDir puts a directory in the place of an empty one.
func (c *Cache) replaceDir(ctx context.Context, from, to string, refusal error) error {
	if err := c.remote.Rmdir(ctx, to); err != nil {
		return refusal
	}
	err := c.remote.Rename(ctx, from, to)
	if err != nil {
		if back := c.remote.Mkdir(context.WithoutCancel(ctx), to); back != nil {
			c.cfg.Logger.Error("an empty directory that was to be replaced could not be made again", "path", ftpconn.Printable(to), "error", back)
		}
	}
	return err
}

// keepTemp shows a temporary name from now on, and keeps the next mount from
// removing it: what is there is all that is left of a file.
func (c *Cache) keepTemp(temp string) {
	c.forgetTemp(temp)
	c.Forget(temp)
}
