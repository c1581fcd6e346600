package cache

import (
	"fmt"
	"sync/atomic"
)

// Counters is what a Cache has asked its server for since it began.
type Counters struct {
	Listings          int64 // because somebody asked for them
	ListingsAhead     int64 // ahead of a walk
	ListingsAheadUsed int64 // and were asked for afterwards
	FilesAhead        int64 // small files, ahead of a series
	FilesAheadUsed    int64
	Bytes             int64 // of content that came
	BytesFromDisk     int64
	FilesSent         int64
}

func (n Counters) String() string {
	return fmt.Sprintf("listings: %d, and %d ahead, of which %d were used; files fetched ahead: %d, of which %d were used; content: %d bytes from the server, %d from disk; files sent: %d",
		n.Listings, n.ListingsAhead, n.ListingsAheadUsed, n.FilesAhead, n.FilesAheadUsed, n.Bytes, n.BytesFromDisk, n.FilesSent)
}

// traffic counts bytes where no lock is held.
type traffic struct{ server, disk, sent, seen atomic.Int64 }

// Counters returns the counters as they are now.
func (c *Cache) Counters() Counters {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.counters
	n.Bytes, n.BytesFromDisk = c.traffic.server.Load(), c.traffic.disk.Load()
	return n
}

// usedLocked notes that somebody asked for a directory.
func (c *Cache) usedLocked(d *Dir) {
	if d.ahead {
		d.ahead = false
		c.counters.ListingsAheadUsed++
	}
}
