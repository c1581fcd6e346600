// Package cache keeps what was read from a server: directory listings for a
// while, and file content in fixed-size blocks under a byte budget.
//
// It knows neither FUSE nor FTP commands; it reaches the server through
// [Remote], which *ftpconn.Pool satisfies. Everything exported is safe for
// concurrent use. A load is made once for all who wait for it; a waiter may
// leave when its context ends, the load goes on for the others and for the
// cache.
//
// What failed is never cached as absence: a name is said not to exist only if
// a complete listing lacks it or the server says so itself.
//
// Paths are absolute and clean, "/" is the mount's root. Offsets, sizes and
// budgets are bytes.
//
// Lock order: Draft.turn, which is held while the network is waited for; then
// content.mu, Cache.mu, and Draft.mu or blocks.mu, which are not.
package cache

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"ftpfs/cache/disk"
	"ftpfs/cache/journal"
	"ftpfs/ftpconn"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Remote is the server, as the cache needs it.
type Remote interface {
	// List reads a directory.
	List(ctx context.Context, dir string, lane ftpconn.Lane) (*ftpconn.Listing, error)
	// ListMany reads up to ftpconn.MaxBatch directories together. What it can
	// not tell for certain is nil, and is for List to read.
	ListMany(ctx context.Context, dirs []string, lane ftpconn.Lane) []*ftpconn.Listing
	// Stat asks about one path; fs.ErrNotExist is certain.
	Stat(ctx context.Context, name string, lane ftpconn.Lane) (ftpconn.Entry, error)
	// Exists asks whether there is anything under a path; what is not certain
	// counts as absent.
	Exists(ctx context.Context, name string, lane ftpconn.Lane) (e ftpconn.Entry, found bool, err error)
	// Retr opens the content of a file.
	Retr(ctx context.Context, name string, o ftpconn.RetrOptions) (ftpconn.Stream, error)
	// Room says how many transfers more could run without waiting or making
	// another one give way.
	Room() int
	// RoundTrip is about the time that a packet takes to the server and back.
	RoundTrip() time.Duration

	// Store begins to send content to a name.
	Store(ctx context.Context, name string, o ftpconn.StoreOptions) (ftpconn.Upload, error)
	// These change what their names say. Whether a refusal is for good tells
	// ftpconn.Final.
	Remove(ctx context.Context, name string) error
	Mkdir(ctx context.Context, name string) error
	Rmdir(ctx context.Context, name string) error
	Rename(ctx context.Context, from, to string) error
	Symlink(ctx context.Context, target, name string) error
	SetTime(ctx context.Context, name string, t time.Time) error
	SetMode(ctx context.Context, name string, perm uint32) error
	// Copy copies a file on the server.
	Copy(ctx context.Context, from, to string) error
	// Space says how many bytes are free there.
	Space(ctx context.Context, dir string) (int64, error)
}

// Config says how much is kept and for how long. The zero value is usable.
type Config struct {
	ListTTL     time.Duration // how long a listing is believed; 0 means 30 seconds
	Size        int64         // budget for file content; 0 means 256 MiB
	MaxEntries  int           // budget for listings, in entries; 0 means 4 million
	Connections int           // how many transfers may run ahead at once; 0 means 8
	Prefetch    Prefetch      // what may be fetched ahead of need; "" means PrefetchAll
	Logger      *slog.Logger  // nil discards

	// StaleIfError lets listings answer that are too old, while the server can
	// not be reached.
	StaleIfError bool

	// Verify compares files that came as a whole with the server's checksum,
	// where it has such a thing. What differs is an error for its readers and
	// does not stay in the cache.
	Verify bool

	// Disk, if set, keeps content beyond the Cache's life. Origin tells the
	// server, the user and the directory that is "/" from others there.
	Disk   *disk.Store
	Origin string

	// Session keeps on this machine what is not on the server yet. Without one,
	// that is in unnamed files and lost with the process. The Cache does not
	// close it.
	Session    *journal.Session
	ReadOnly   bool       // nothing is changed
	WriteBack  bool       // Finish returns when the content is safe on this machine
	InPlace    bool       // no temporary names
	OnConflict OnConflict // "" means ConflictFail

	// Now is the clock; nil means time.Now.
	Now func() time.Time

	// Changed, if set, is called on a goroutine of its own when a directory
	// was read again and differs from what was answered before.
	Changed func(dir string)
}

// Prefetch says what may be fetched before it is asked for, beside the
// read-ahead of an open file.
type Prefetch string

// What may be fetched ahead.
const (
	PrefetchOff      Prefetch = "off"      // nothing
	PrefetchMetadata Prefetch = "metadata" // directories ahead of a walk
	PrefetchAll      Prefetch = "all"      // and small files of a series
)

// Valid says whether p is one of the constants.
func (p Prefetch) Valid() bool {
	return p == PrefetchOff || p == PrefetchMetadata || p == PrefetchAll
}

func (c Config) withDefaults() Config {
	if c.OnConflict == "" {
		c.OnConflict = ConflictFail
	}
	if c.Prefetch == "" {
		c.Prefetch = PrefetchAll
	}
	if c.ListTTL <= 0 {
		c.ListTTL = 30 * time.Second
	}
	if c.Size <= 0 {
		c.Size = 256 << 20
	}
	if c.MaxEntries <= 0 {
		c.MaxEntries = 4_000_000
	}
	if c.Connections <= 0 {
		c.Connections = 8
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Cache is what was read from one server.
type Cache struct {
	cfg    Config
	remote Remote
	blocks *blocks

	ctx     context.Context // ends with Close; loads run under it
	cancel  context.CancelFunc
	work    sync.WaitGroup // loads and transfers
	journal staging
	sending chan struct{} // tokens of those who send in the background
	edits   atomic.Int64  // how often epochs changed
	traffic traffic
	limits  limits
	ahead   chan struct{} // tokens of speculative work

	unverifiable sync.Once // logs that the server has no checksums

	mu       sync.Mutex                     // guards all that follows
	closed   bool                           //
	dirs     *simplelru.LRU[string, *Dir]   // by path
	entries  int                            // in all of dirs
	loads    map[string]*load               // listings under way, by path
	stats    *simplelru.LRU[string, answer] // of names that an incomplete listing lacks
	contents map[contentKey]*content        // files that are open
	queue    []queued                       // listings that wait for a connection
	walk     walk                           // which directories are being read in turn
	trial    trial                          // whether segments pay
	counters Counters                       // but for its bytes
	order    order                          // which files are being read in turn
	stale    bool                           // a listing that is too old was the last answer

	corrections *simplelru.LRU[string, correction]   // of sizes in listings, by path
	mismatched  *simplelru.LRU[contentKey, struct{}] // what differed from its checksum

	// Of writing.
	drafts    map[string]*Draft            // by path
	draftsIn  map[string]map[string]*Draft // by directory and name
	lastDraft int64
	listing   int                  // listings under way
	changes   []change             // made since the first of them began
	changeSeq int64                //
	epochs    map[string]int64     // how often a path was changed
	epoch     int64                // all of it, before epochs was emptied
	times     map[string]time.Time // that the server could not be told
	saidTimes bool
	hiddenIn  map[string]map[string]bool // temporary names, by directory
	noTemp    map[string]bool            // directories that take none
	noAppend  bool                       // the server refuses APPE, and takes whole files
	noRename  bool                       // the server can not rename
	noReplace bool                       // a rename over an existing file is refused
	urge      chan struct{}              // closed when those who pause should not
	space     int64                      // free on the server; -1: it does not tell
	spaceAt   time.Time                  // when that was known
}

// New returns an empty cache of remote.
func New(remote Remote, cfg Config) *Cache {
	cfg = cfg.withDefaults()
	c := &Cache{
		cfg: cfg, remote: remote, blocks: newBlocks(cfg),
		loads: make(map[string]*load), contents: make(map[contentKey]*content), order: order{unread: make(map[contentKey]time.Time)},
		ahead: make(chan struct{}, max(1, cfg.Connections-1)), sending: make(chan struct{}, cfg.Connections),
		journal: staging{cfg.Session}, limits: limits{streamFrom, wholeLimit, giveUpStep},
		drafts: make(map[string]*Draft), draftsIn: make(map[string]map[string]*Draft), epochs: make(map[string]int64),
		times: make(map[string]time.Time), hiddenIn: make(map[string]map[string]bool), noTemp: make(map[string]bool), urge: make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	// The sizes only keep simplelru content: what bounds dirs is the number
	// of entries, see keepLocked. The errors are for sizes below one.
	c.dirs, _ = simplelru.NewLRU[string, *Dir](1<<30, nil)
	c.stats, _ = simplelru.NewLRU[string, answer](10_000, nil)
	c.mismatched, _ = simplelru.NewLRU[contentKey, struct{}](maxMismatched, nil)
	c.corrections, _ = simplelru.NewLRU[string, correction](maxCorrections, nil)
	return c
}

// Close ends all transfers and waits for them. Reads under way fail.
func (c *Cache) Close() error {
	c.mu.Lock()
	c.closed = true
	c.loadQueueLocked()
	c.mu.Unlock()
	c.cancel()
	c.work.Wait()
	return nil
}

// entryBytes is about what an entry of a listing takes in memory, with its name
// and its place in the index.
const entryBytes = 256

// Budget is about how many bytes the cache may hold now: the budget for
// content, and the listings that are there.
func (c *Cache) Budget() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cfg.Size + int64(c.entries)*entryBytes
}

// background runs f unless the cache is closed, in which case it reports
// false.
func (c *Cache) background(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.backgroundLocked(f)
}

func (c *Cache) backgroundLocked(f func()) bool {
	if c.closed {
		return false
	}
	c.work.Go(f)
	return true
}
