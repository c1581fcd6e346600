package cache

import (
	"context"
	"fmt"
	"path"

	"ftpfs/ftpconn"
)

// sizer is what a Remote has whose server tells sizes beside its listings:
// those count, since they are what a transfer brings.
type sizer interface {
	Size(ctx context.Context, name string, lane ftpconn.Lane) (int64, error)
}

// correction is the true size of a file whose listing says otherwise.
type correction struct {
	listed version
	size   int64
}

// maxCorrections bounds how many are remembered.
const maxCorrections = 1000

// correctLocked notes the true size of a file, and shows it in the listing
// that is there. e is the file as it was shown.
func (c *Cache) correctLocked(name string, e ftpconn.Entry, size int64) {
	listed := versionOf(e)
	if old, ok := c.corrections.Peek(name); ok {
		if shown := old.listed; shown.mtime == listed.mtime && shown.unique == listed.unique && old.size == listed.size {
			listed = shown // it was corrected before
		}
	}
	news := correction{listed: listed, size: size}
	if old, ok := c.corrections.Get(name); ok && old == news {
		return
	}
	c.corrections.Add(name, news)
	c.cfg.Logger.Info("a listing has the wrong size of a file", "path", ftpconn.Printable(name), "listed", listed.size, "size", size)
	dir := path.Dir(name)
	d, ok := c.dirs.Peek(dir)
	if !ok {
		return
	}
	if now, ok := d.entryNowLocked(path.Base(name)); ok && versionOf(now) == versionOf(e) {
		now.Size = size
		c.noteLocked(name, &now)
	}
	if c.cfg.Changed != nil {
		c.backgroundLocked(func() { c.cfg.Changed(dir) })
	}
}

// correctedLocked returns a listing with the true sizes of files, as far as
// they are known: l itself if there is nothing to correct.
func (c *Cache) correctedLocked(dir string, l *ftpconn.Listing) *ftpconn.Listing {
	known := make(map[string]correction)
	for _, name := range c.corrections.Keys() {
		if path.Dir(name) == dir {
			known[path.Base(name)], _ = c.corrections.Peek(name)
		}
	}
	if len(known) == 0 {
		return l
	}
	changed := *l
	changed.Entries = append([]ftpconn.Entry(nil), l.Entries...)
	for i, e := range changed.Entries {
		if k, ok := known[e.Name]; ok && versionOf(e) == k.listed {
			changed.Entries[i].Size = k.size
		}
	}
	return &changed
}

// corrected is correctedLocked for one file.
func (c *Cache) corrected(name string, e ftpconn.Entry) ftpconn.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.corrections.Peek(name); ok && versionOf(e) == k.listed {
		e.Size = k.size
	}
	return e
}

// shorter handles a transfer that ended in order before the size that was
// listed. If SIZE says so too, that is what the next one who opens the file
// sees; this one gets an error: the kernel has the old size by now, and would
// fill up with zeros what is missing.
func (t *content) shorter(ctx context.Context) error {
	s, ok := t.cache.remote.(sizer)
	if !ok {
		return ftpconn.ErrShort
	}
	size, err := s.Size(ctx, t.path(), ftpconn.LaneRead)
	if err != nil {
		return err
	}
	t.mu.Lock()
	e := t.entry
	e.Size = t.size
	t.mu.Unlock()
	if size >= e.Size {
		return ftpconn.ErrShort // the rest is still to come
	}
	t.cache.mu.Lock()
	t.cache.correctLocked(t.path(), e, size)
	t.cache.mu.Unlock()
	return t.spoil(fmt.Errorf("%s: %w: it has %d bytes, and not %d as was listed", ftpconn.Printable(t.path()), ftpconn.ErrChanged, size, e.Size))
}

// longer is called when a file goes on behind its size. Whoever reads it now
// has what was promised; who opens it next gets all.
func (t *content) longer() {
	s, ok := t.cache.remote.(sizer)
	if !ok {
		return
	}
	t.cache.background(func() {
		c := t.cache
		size, err := s.Size(c.ctx, t.path(), ftpconn.LaneSpeculative)
		t.mu.Lock()
		e := t.entry
		e.Size = t.size
		t.mu.Unlock()
		if err != nil || size <= e.Size {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.correctLocked(t.path(), e, size)
	})
}
