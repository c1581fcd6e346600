package cache

import (
	"fmt"
	"sync"

	"ftpfs/cache/disk"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// blockSize is the size of all blocks of a file but the last: what the kernel
// asks for in one request.
const blockSize = 128 << 10

// version tells one content of a path from another.
type version struct {
	size   int64
	mtime  int64 // Unix nanoseconds
	unique string
}

// contentKey names one version of a file.
type contentKey struct {
	path    string
	epoch   int64 // how often this mount changed it: two contents of a second may have one version
	version version
}

type blockKey struct {
	contentKey
	index int64
}

// blocks is an LRU of immutable pieces of files, bounded by their bytes.
type blocks struct {
	mu     sync.Mutex
	lru    *simplelru.LRU[blockKey, []byte]
	used   int64
	budget int64

	// Below the memory, what outlives a mount. They do not change.
	disk   *disk.Store // nil: nothing
	origin string
}

func newBlocks(cfg Config) *blocks {
	b := &blocks{budget: cfg.Size, disk: cfg.Disk, origin: cfg.Origin}
	b.lru, _ = simplelru.NewLRU[blockKey, []byte](1<<30, nil) // bounded by put
	return b
}

func (b *blocks) get(k blockKey) ([]byte, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lru.Get(k)
}

// has says whether a block is there, in memory or on disk, without counting
// that as a use.
func (b *blocks) has(k blockKey) bool {
	b.mu.Lock()
	here := b.lru.Contains(k)
	b.mu.Unlock()
	return here || b.disk != nil && b.disk.Has(b.diskKey(k))
}

// fromDisk brings a block from the disk into memory; nil if it is not there.
func (b *blocks) fromDisk(k blockKey) []byte {
	data := b.disk.Get(b.diskKey(k))
	if data != nil {
		b.put(k, data)
	}
	return data
}

func (b *blocks) diskKey(k blockKey) disk.Key {
	v := k.version
	return disk.KeyOf(b.origin, k.path, v.unique, fmt.Sprint(v.size, v.mtime, k.index))
}

// keep puts a block into memory, and to the disk.
func (b *blocks) keep(k blockKey, data []byte) {
	b.put(k, data)
	if b.disk != nil {
		b.disk.Put(b.diskKey(k), data)
	}
}

func (b *blocks) put(k blockKey, data []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, ok := b.lru.Peek(k); ok {
		b.used -= int64(len(old))
	}
	b.lru.Add(k, data)
	b.used += int64(len(data))
	for b.used > b.budget && b.lru.Len() > 1 {
		_, old, _ := b.lru.RemoveOldest()
		b.used -= int64(len(old))
	}
}
