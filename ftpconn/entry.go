package ftpconn

import "ftpfs/ftpconn/listing"

// Entry is one object in a directory; see [listing.Entry]. Its name and link
// target are what users see: decoded with Config.Charset, where one is set.
type Entry = listing.Entry

// Listing is the content of one directory at one moment. It is immutable.
//
// Names are fit for a file system: never empty, "." or "..", and without
// slash or NUL. When a server sends a name twice, the first one counts.
type Listing struct {
	Entries []Entry // in the server's order

	// Complete says that a name which is not in Entries does not exist.
	// It is false after "226 Output truncated", or when a line could not be
	// parsed or a name had to be dropped.
	Complete bool

	// Note says why the listing is not complete; "" if it is.
	Note string
}
