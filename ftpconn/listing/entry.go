// Package listing reads the directory listings that FTP servers send: the
// machine-readable facts of MLSD and MLST (RFC 3659, section 7) and the many
// dialects of LIST (RFC 959, section 4.1.3, which leaves the form open).
//
// The parsers are pure: the clock and the server's time zone are parameters,
// nothing is read from the network or the environment. A Parser is not safe
// for concurrent use; Entry values are plain data. Sizes are bytes.
package listing

import "time"

// Type says what kind of object an entry names.
type Type uint8

// The types an entry can have. Unknown is what a listing does not tell.
const (
	Unknown Type = iota
	File
	Dir
	Symlink
	CharDevice
	BlockDevice
	FIFO
	Socket
)

// Precision is how exactly a listing gave a modification time.
type Precision uint8

// The precisions of Entry.ModTime, from none to exact.
const (
	NoTime Precision = iota // ModTime is the zero time
	Day
	Minute
	Second // or finer
)

// Entry is one object in a directory, as a listing describes it.
type Entry struct {
	Name    string    // as sent, byte for byte, until ftpconn applies a charset
	Target  string    // of a symbolic link, as sent; "" if not told
	Unique  string    // MLSD fact "unique" (RFC 3659, section 7.5.2); "" if absent
	ModTime time.Time // UTC; the zero time if not told
	Size    int64     // bytes; -1 if not told or not believable
	Mode    uint16    // the nine permission bits; meaningful only if HasMode
	HasMode bool
	Type    Type
	ModPrec Precision

	// SizeRough says that Size was counted in blocks or rounded ("61.8M"): fit
	// to be shown, not to know where a file ends. SIZE has the exact number.
	SizeRough bool
}
