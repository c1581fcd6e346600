package cache

import (
	"bytes"
	"context"
	"fmt"
	"hash"

	"ftpfs/ftpconn"
)

// digester is what a Remote has whose server may tell checksums.
type digester interface {
	Digest() (ftpconn.Digest, bool)
	Sum(ctx context.Context, name string, d ftpconn.Digest, size int64, lane ftpconn.Lane) ([]byte, error)
}

// checksum is that of a content which comes as a whole. It is guarded by
// content.mu.
type checksum struct {
	digest ftpconn.Digest
	hash   hash.Hash // nil: nothing is compared
	blocks int64     // so many from the begin are in it
}

// beginChecksum prepares a content for Config.Verify.
func (c *Cache) beginChecksum() checksum {
	d, ok := c.remote.(digester)
	if !c.cfg.Verify || !ok {
		return checksum{}
	}
	digest, ok := d.Digest()
	if !ok {
		c.unverifiable.Do(func() {
			c.cfg.Logger.Warn("downloads can not be verified: the server has none of HASH, XSHA256, XMD5, XCRC")
		})
		return checksum{}
	}
	return checksum{digest: digest, hash: digest.New()}
}

// check is called with each block of a content before anybody gets it, and with
// what is left at the end of one whose size was not known. With the one that completes the content it asks the server for the checksum. If
// that is another one the content is spoilt: nobody gets the last piece, and
// nothing of it stays in the cache.
func (t *content) check(ctx context.Context, i int64, block []byte) error {
	t.mu.Lock()
	s, size := &t.checksum, t.size
	if s.hash == nil || i < s.blocks {
		t.mu.Unlock()
		return nil
	}
	// Blocks come out of order where a file is read in segments.
	for size < 0 && s.blocks <= i || s.blocks*blockSize < size {
		data, ok := block, true
		if s.blocks != i {
			data, ok = t.cache.blocks.get(t.blockKey(s.blocks))
		}
		if !ok {
			break
		}
		s.hash.Write(data)
		s.blocks++
	}
	if size < 0 || s.blocks*blockSize < size {
		t.mu.Unlock()
		return nil
	}
	digest, got := s.digest, s.hash.Sum(nil)
	s.hash = nil // once is enough
	t.mu.Unlock()

	c := t.cache
	log := c.cfg.Logger.With("path", ftpconn.Printable(t.path()), "command", digest.Command)
	want, err := c.remote.(digester).Sum(ctx, t.path(), digest, size, ftpconn.LaneRead)
	if err != nil {
		log.Warn("a file could not be verified", "error", err)
		return nil
	}
	right := bytes.Equal(got, want)
	c.mu.Lock()
	if right {
		c.mismatched.Remove(t.key)
	} else {
		c.mismatched.Add(t.key, struct{}{})
	}
	c.mu.Unlock()
	if right {
		log.Info("a file was verified")
		t.persist()
		return nil
	}
	log.Error("a file is not what the server has", "checksum", fmt.Sprintf("%x", got), "server", fmt.Sprintf("%x", want))
	err = t.spoil(fmt.Errorf("%s: %w (%s)", ftpconn.Printable(t.path()), ftpconn.ErrMismatch, digest.Command))
	for j := int64(0); j*blockSize < size; j++ {
		c.blocks.drop(t.blockKey(j))
	}
	return err
}

// maxMismatched bounds how many are remembered.
const maxMismatched = 1000

// Doubtful says that the file differed from the server's checksum when it was
// read before: pages that the kernel has of it are not to be trusted.
func (f *File) Doubtful() bool {
	c := f.c.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mismatched.Contains(f.c.key)
}

// unverified says that the content is not to outlive the mount yet.
func (t *content) unverified() bool { return t.checksum.hash != nil }

// persist puts a content that was verified to the disk.
func (t *content) persist() {
	if !t.lasts {
		return
	}
	for j := int64(0); j*blockSize < t.entry.Size; j++ {
		if data, ok := t.cache.blocks.get(t.blockKey(j)); ok {
			t.cache.blocks.keep(t.blockKey(j), data)
		}
	}
}

// drop removes a block from memory.
func (b *blocks) drop(k blockKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, ok := b.lru.Peek(k); ok {
		b.used -= int64(len(old))
		b.lru.Remove(k)
	}
}
