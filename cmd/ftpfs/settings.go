package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"ftpfs/cache"

	"github.com/spf13/pflag"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
)

// settings is what a mount is told, in a form that can be handed to the
// process that serves it.
type settings struct {
	Host, User, Password, Account, Dir string
	Port                               int
	PublicURL                          string // without the password

	Mountpoint string
	Foreground bool
	Trace      string // file; "-" is stderr
	LogFile    string
	Debug      bool

	tlsSettings

	Proxy   string // URL; it may have a password
	NoProxy string

	PasswordFile string
	NetrcFile    string

	Timeout     time.Duration
	Hard        bool
	Connections int
	KeepAlive   time.Duration
	Active      bool
	Charset     string
	Timezone    string

	ListTTL      time.Duration
	StaleIfError bool
	Verify       bool
	MaxEntries   int

	CacheSize byteSize
	CacheDir  string
	DiskSize  byteSize
	Prefetch  string

	ReadOnly   bool
	WriteBack  bool
	OnConflict string // fail, keep-both or overwrite
	InPlace    bool
	StagingDir string

	AllowOther         bool
	DefaultPermissions bool
	UID, GID           int // -1: who mounts
	Umask              octal
	MountOptions       []string
}

// flags are the settings as flags of a command line, and of -o.
func (s *settings) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("mount", pflag.ContinueOnError)
	f.SortFlags = false
	f.BoolVarP(&s.Foreground, "foreground", "f", false, "stay in the foreground until the mount ends")
	f.StringVar(&s.Trace, "trace", "", "write the conversation with the server to this `file`; - is stderr, with -f")
	f.StringVar(&s.LogFile, "log-file", "", "write warnings to this `file`; default: the system log")
	f.BoolVar(&s.Debug, "debug", false, "log every request of the kernel")

	f.StringVarP(&s.User, "user", "u", "", "log in as this `user`, if the URL names none")
	f.StringVar(&s.PasswordFile, "password-file", "", "read the password from the first line of this `file`; - is stdin")
	f.StringVar(&s.NetrcFile, "netrc-file", "", "look for the password in this `file`; default: $NETRC or ~/.netrc")
	f.StringVar(&s.Account, "account", "", "`account` for servers that ask for one")

	s.addFlags(f)

	f.DurationVar(&s.Timeout, "timeout", 30*time.Second, "give up when the server is silent for so long")
	f.BoolVar(&s.Hard, "hard", false, "wait for ever while the server can not be reached, instead of failing")
	f.IntVar(&s.Connections, "connections", 8, "open at most so many control connections")
	f.DurationVar(&s.KeepAlive, "keepalive", 0, "keep the last connection open by a NOOP at this interval; 0: let it go when idle")
	f.StringVar(&s.Proxy, "proxy", "", "reach the server by this proxy, socks5://host:port or http://host:port; default: $ftp_proxy, $ALL_PROXY; none: directly")
	f.BoolVar(&s.Active, "active", false, "active mode: the server opens the data connections")
	f.StringVar(&s.Charset, "charset", "", "the server writes names in this `charset`, such as latin1; default: bytes as they are")
	f.StringVar(&s.Timezone, "timezone", "", "the server lists times of this `zone`, such as Europe/Berlin; default: found out, else UTC")

	f.DurationVar(&s.ListTTL, "list-ttl", 30*time.Second, "believe a directory listing for so long")
	f.BoolVar(&s.StaleIfError, "stale-if-error", true, "show older listings while the server can not be reached")
	f.BoolVar(&s.Verify, "verify", false, "compare files that were read as a whole with the server's checksum, where it has any")
	f.IntVar(&s.MaxEntries, "max-entries", 5_000_000, "take a directory with more entries than that for an attack: EIO")
	s.CacheSize = 256 << 20
	f.Var(&s.CacheSize, "cache-size", "keep at most so much file content in memory")
	f.StringVar(&s.CacheDir, "cache-dir", "", "keep file content in this `directory` too, for the next mount")
	s.DiskSize = 10 << 30
	f.Var(&s.DiskSize, "cache-dir-size", "keep at most so much there")
	f.StringVar(&s.Prefetch, "prefetch", "all", "what may be fetched before it is asked for: off, metadata (listings) or all")

	// Writing.
	f.BoolVar(&s.ReadOnly, "read-only", false, "let nothing be changed; also -o ro")
	f.BoolVar(&s.WriteBack, "write-back", false, "let close return before the file is on the server: it is uploaded in the background, and after a crash by the next mount")
	f.StringVar(&s.OnConflict, "on-conflict", "fail", "if a file has changed on the server since it was opened: fail (close tells the program), keep-both or overwrite; but for the last, what was written is kept beside it")
	f.BoolVar(&s.InPlace, "in-place", false, "upload under the name itself instead of a temporary one: for servers that can not rename; others see half files")
	f.StringVar(&s.StagingDir, "staging-dir", "", "keep what is not on the server yet in this `directory`; default: staging in $XDG_STATE_HOME/ftpfs, /var/lib/ftpfs for root, ~/.local/state/ftpfs")

	f.BoolVar(&s.AllowOther, "allow-other", false, "let other users of this machine in")
	f.BoolVar(&s.DefaultPermissions, "default-permissions", false, "let the kernel check the permissions shown")
	f.IntVar(&s.UID, "uid", -1, "show files as owned by this user `id`; default: who mounts")
	f.IntVar(&s.GID, "gid", -1, "show files as owned by this group `id`; default: who mounts")
	f.Var(&s.Umask, "umask", "permission `bits` to take away, octal")
	return f
}

// byteSize is a number of bytes that may be written with K, M, G or T.
type byteSize int64

func (b *byteSize) Type() string { return "size" }

func (b *byteSize) String() string {
	n := int64(*b)
	for _, u := range []struct {
		unit string
		size int64
	}{{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}} {
		if n >= u.size && n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.unit
		}
	}
	return strconv.FormatInt(n, 10)
}

func (b *byteSize) Set(s string) error {
	text := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(s), "B"), "I")
	unit := int64(1)
	if n := len(text); n > 0 {
		if i := strings.IndexByte("KMGT", text[n-1]); i >= 0 {
			unit, text = 1<<(10*(i+1)), text[:n-1]
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > (1<<62)/unit {
		return fmt.Errorf("%q is no size; write for example 512M or 2G", s)
	}
	*b = byteSize(n * unit)
	return nil
}

// octal is a set of permission bits.
type octal uint32

func (o *octal) Type() string   { return "octal" }
func (o *octal) String() string { return fmt.Sprintf("%03o", uint32(*o)) }

func (o *octal) Set(s string) error {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 {
		return fmt.Errorf("%q is no set of permission bits; write for example 022", s)
	}
	*o = octal(n)
	return nil
}

// charset finds an encoding by its name; nil stands for bytes as they are.
func charset(name string) (encoding.Encoding, error) {
	if name == "" {
		return nil, nil
	}
	e, err := htmlindex.Get(name)
	if err != nil {
		e, err = ianaindex.IANA.Encoding(name)
	}
	if err != nil || e == nil {
		return nil, fmt.Errorf("charset %q is not known; names such as latin1, windows-1251, shift_jis, gbk, cp437 are", name)
	}
	if e == unicode.UTF8 {
		return nil, nil
	}
	return e, nil
}

// check refuses what can not work, before anything is done.
func (s *settings) check() error {
	if _, err := charset(s.Charset); err != nil {
		return err
	}
	if _, err := time.LoadLocation(s.Timezone); err != nil {
		return fmt.Errorf("time zone %q is not known; write for example Europe/Berlin or UTC", s.Timezone)
	}
	switch {
	case s.Connections < 1 || s.Connections > 128:
		return fmt.Errorf("--connections %d: must be 1 to 128", s.Connections)
	case s.Timeout < time.Second:
		return fmt.Errorf("--timeout %v: must be a second at least", s.Timeout)
	case s.Active && s.Proxy != "":
		return errors.New("--active: a proxy lets nobody connect to us; leave it away, or give --proxy=none")
	case s.MaxEntries < 1:
		return fmt.Errorf("--max-entries %d: must be 1 at least", s.MaxEntries)
	case s.ListTTL < 0:
		return fmt.Errorf("--list-ttl %v: must not be negative", s.ListTTL)
	case !cache.Prefetch(s.Prefetch).Valid():
		return fmt.Errorf("--prefetch %q: must be off, metadata or all", s.Prefetch)
	case !cache.OnConflict(s.OnConflict).Valid():
		return fmt.Errorf("--on-conflict %q: must be fail, keep-both or overwrite", clipText(s.OnConflict))
	case s.CacheSize < 1<<20:
		return fmt.Errorf("--cache-size %s: must be 1M at least", &s.CacheSize)
	}
	if s.UID < 0 {
		s.UID = os.Getuid()
	}
	if s.GID < 0 {
		s.GID = os.Getgid()
	}
	return nil
}
