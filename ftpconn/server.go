package ftpconn

import (
	"strings"
	"sync"
	"time"

	"ftpfs/ftpconn/listing"
)

// queueing says how far commands may be sent ahead of their replies.
type queueing int

const (
	// queueUnknown: nothing is known yet; each command waits for its reply.
	queueUnknown queueing = iota
	// queueNever: the server was seen to lose or mix commands, or is known to.
	queueNever
	// queueCommands: commands that move no data may be sent together, and in
	// front of one that does. Nothing may follow a transfer before its final
	// reply: pyftpdlib would answer it at once, or kill the transfer.
	queueCommands
	// queueSameWrite: a command may follow a transfer in the same packet;
	// Pure-FTPd eats what it reads later, while it sends.
	queueSameWrite
	// queueAll: commands are strictly queued behind whatever runs.
	queueAll
)

// server holds what was learned about a server. All connections of a pool
// share one and it is safe for concurrent use.
type server struct {
	mu sync.Mutex // guards all that follows

	known       bool // greeting and features were seen once
	software    software
	queue       queueing
	features    features
	loginDir    string // as PWD told after login
	root        string // what Config.Root comes to; "" before it is known
	noEPSV      bool   // EPSV is refused
	noSize      bool   // SIZE, MDTM are refused
	noMDTM      bool
	noStatus    bool            // replies to STAT of a directory were not in order
	listAll     tristate        // whether "LIST -a" shows hidden files, and is no file name
	dots        map[string]bool // by command: whether its listings show "."
	bareEnd     bool            // the last line of a listing has no end
	looksCut    map[string]bool // listings that seemed to have been cut
	odd         int             // odd replies of a server that is known better, since oddSince
	oddSince    time.Time
	dialect     listing.Dialect
	location    *time.Location // of the times in LIST; nil before it is known
	loginTime   time.Duration  // how long the last login took
	noTLS       bool           // AUTH TLS is refused
	setTime     timeSetting
	noSite      [siteCommands]bool // SITE commands that are not known
	canCopy     tristate           // SITE CPFR
	noAhead     bool               // content that came ahead of the 1yz reply was lost
	noSpaceInfo bool               // free space is not told
	security    Security           // of the last login
	roundTrip   time.Duration      // how long TCP connections take to open, smoothed
	rest        tristate           // whether REST works
}

type tristate int8

const (
	unknown tristate = iota
	yes
	no
)

// software is the server program, as far as its quirks matter here.
type software int

const (
	otherSoftware software = iota
	vsftpd
	proftpd
	pureftpd
	pyftpdlib
	filezilla
	synchronousOnly // lftp's list of servers that lose pipelined commands
)

// recognise tells the software from its greeting.
func recognise(greeting string) software {
	g := strings.ToLower(greeting)
	for _, known := range []struct {
		text string
		is   software
	}{
		{"vsftpd", vsftpd},
		{"proftpd", proftpd},
		{"pure-ftpd", pureftpd},
		{"pyftpdlib", pyftpdlib},
		{"filezilla server", filezilla},
		{"microsoft ftp service", synchronousOnly},
		{"madgoat", synchronousOnly},
		{"mikrotik", synchronousOnly},
	} {
		if strings.Contains(g, known.text) {
			return known.is
		}
	}
	return otherSoftware
}

// confirmed compares what a greeting in clear made of the software with the
// reply to FEAT inside TLS: whoever could forge the one can not forge the
// other, and what does not fit is forgotten.
func (s software) confirmed(feat []string, f features) software {
	header := ""
	if len(feat) > 0 {
		header = strings.ToLower(feat[0])
	}
	fits := false
	switch s {
	case vsftpd:
		fits = strings.HasSuffix(header, "features:") && f.has("EPSV") && !f.has("MLST") && !f.has("MFMT")
	case proftpd:
		fits = strings.HasSuffix(header, "features:") && f.has("HOST") && f.has("TVFS")
	case pureftpd:
		fits = strings.HasSuffix(header, "extensions supported:") && f.has("ESTA")
	case pyftpdlib:
		fits = strings.HasSuffix(header, "features supported:") && f.has("TVFS")
	}
	if fits || s == synchronousOnly {
		return s
	}
	return otherSoftware
}

// queueing is what is known of the software from tests of it, or from source.
func (s software) queueing() queueing {
	switch s {
	case vsftpd, proftpd, filezilla:
		return queueAll
	case pureftpd:
		return queueSameWrite
	case pyftpdlib:
		return queueCommands
	case synchronousOnly:
		return queueNever
	}
	return queueUnknown
}

// onUnix says that the software runs on Unix systems only.
func (s software) onUnix() bool {
	switch s {
	case vsftpd, proftpd, pureftpd:
		return true
	}
	return false
}

// cleanAbort says that a data connection which is closed early makes the
// server send exactly one more reply.
func (s software) cleanAbort() bool {
	switch s {
	case vsftpd, proftpd, pureftpd, pyftpdlib:
		return true
	}
	return false
}

// facts returns a copy of what is known. The maps in it are never changed.
func (s *server) facts() serverFacts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return serverFacts{
		known: s.known, software: s.software, queue: s.queue, features: s.features,
		noStatus: s.noStatus, root: s.root, noEPSV: s.noEPSV, noSize: s.noSize, noMDTM: s.noMDTM,
		listAll: s.listAll, dialect: s.dialect, location: s.location, loginTime: s.loginTime,
		noTLS: s.noTLS, rest: s.rest, setTime: s.setTime, noSite: s.noSite, canCopy: s.canCopy, noAhead: s.noAhead, noSpaceInfo: s.noSpaceInfo,
	}
}

// serverFacts is one moment's copy of a server's fields.
type serverFacts struct {
	known          bool
	software       software
	queue          queueing
	features       features
	root           string
	noEPSV         bool
	noSize, noMDTM bool
	noStatus       bool
	listAll        tristate
	dialect        listing.Dialect
	location       *time.Location
	loginTime      time.Duration
	noTLS          bool
	setTime        timeSetting
	noSite         [siteCommands]bool
	canCopy        tristate
	noAhead        bool
	noSpaceInfo    bool
	rest           tristate
}

// connected notes how long a TCP connection took to open.
func (s *server) connected(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roundTrip == 0 {
		s.roundTrip = took
	}
	s.roundTrip += (took - s.roundTrip) / 4
}

// learn changes what is known.
func (s *server) learn(change func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// oddWithin is how close together a server that is known to take commands sent
// ahead must answer oddly, and maxOdd how often, for that to be its own doing:
// once may be the line's.
const (
	oddWithin = time.Minute
	maxOdd    = 3
)

// demote notes that commands sent ahead did not work. It reports whether they
// are not sent ahead any more, and that is news.
func (s *server) demote() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == queueNever {
		return false
	}
	if s.software != otherSoftware {
		if time.Since(s.oddSince) > oddWithin {
			s.odd, s.oddSince = 0, time.Now()
		}
		if s.odd++; s.odd < maxOdd {
			return false
		}
	}
	s.queue = queueNever
	return true
}
