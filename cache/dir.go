package cache

import (
	"slices"
	"time"

	"ftpfs/ftpconn"
)

// Dir is the content of a directory at one moment. It does not change; as
// long as the server's answer stays the same, so does the *Dir.
type Dir struct {
	listing *ftpconn.Listing
	index   map[string]int32 // by name
	ahead   bool             // nobody has asked for it yet; guarded by Cache.mu
	stale   bool             // it was shown while the server was away; guarded by Cache.mu
	loaded  time.Time        // guarded by Cache.mu: it is set again when a reload found the same

	// What this mount changed since, guarded by Cache.mu; see edit.go.
	over  map[string]*ftpconn.Entry // by name; nil: it is gone
	newer *Dir                      // has these changes in it
	own   bool                      // this mount made the directory, and has not listed it since
}

func newDir(l *ftpconn.Listing, now time.Time) *Dir {
	d := &Dir{listing: l, loaded: now, index: make(map[string]int32, len(l.Entries))}
	for i := range l.Entries {
		d.index[l.Entries[i].Name] = int32(i)
	}
	return d
}

// Len is the number of entries.
func (d *Dir) Len() int { return len(d.listing.Entries) }

// At returns an entry; the order is the server's.
func (d *Dir) At(i int) ftpconn.Entry { return d.listing.Entries[i] }

// Lookup finds an entry by its name.
func (d *Dir) Lookup(name string) (ftpconn.Entry, bool) {
	i, ok := d.index[name]
	if !ok {
		return ftpconn.Entry{}, false
	}
	return d.listing.Entries[i], true
}

// Complete says that names which are not in the Dir do not exist.
func (d *Dir) Complete() bool { return d.listing.Complete }

// same says whether a new listing tells the same.
func (d *Dir) same(l *ftpconn.Listing) bool {
	return d.listing.Complete == l.Complete && slices.EqualFunc(d.listing.Entries, l.Entries, func(a, b ftpconn.Entry) bool {
		if !a.ModTime.Equal(b.ModTime) {
			return false
		}
		a.ModTime = b.ModTime
		return a == b
	})
}
