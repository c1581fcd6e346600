package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ftpfs/cache"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Options says how a tree is shown.
type Options struct {
	FSName     string // the source in /proc/mounts: a URL without a password
	ServerRoot string // the server's path of "/", for the targets of links

	UID, GID uint32 // who owns everything
	Umask    uint32 // permission bits that are taken away

	AllowOther         bool
	DefaultPermissions bool // the kernel checks permissions
	ReadOnly           bool
	MountOptions       []string // more of them, for the kernel or fusermount3

	AttrTimeout  time.Duration // how long the kernel keeps attributes; 0 means 1 second
	EntryTimeout time.Duration // how long it keeps names; 0 means 1 second

	Debug  bool         // log every request of the kernel
	Logger *slog.Logger // nil discards
}

// Server is a mounted tree.
type Server struct {
	mountpoint string
	fuse       *fuse.Server
}

// readAheadKB is what the kernel may read ahead of a program, where that can
// be set (by root): more than the default of 128 lets requests overlap.
const readAheadKB = 512

// maxWrite is how much the kernel sends, or asks for, at once.
const maxWrite = 1 << 20

// Mount shows a cache's files at a directory. It returns when the mount
// answers.
func Mount(mountpoint string, c *cache.Cache, o Options) (*Server, error) {
	second := time.Second
	if o.AttrTimeout == 0 {
		o.AttrTimeout = second
	}
	if o.EntryTimeout == 0 {
		o.EntryTimeout = second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	mountpoint, err := filepath.Abs(mountpoint)
	if err != nil {
		return nil, err
	}
	t := &tree{cache: c, opts: o, log: o.Logger, began: time.Now().Truncate(time.Second), mountpoint: mountpoint}
	var options []string
	flags := uintptr(syscall.MS_NOSUID | syscall.MS_NODEV)
	if o.ReadOnly {
		options = append(options, "ro")
		flags |= syscall.MS_RDONLY
	}
	if o.DefaultPermissions {
		options = append(options, "default_permissions")
	}
	options = append(options, o.MountOptions...)
	fuseLog := log.New(io.Discard, "", 0)
	if o.Debug {
		fuseLog = slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug)
	}
	root := os.Geteuid() == 0
	opts := &fs.Options{
		MountOptions: fuse.MountOptions{
			FsName: o.FSName, Name: "ftpfs",
			AllowOther: o.AllowOther, Options: options,
			// Names of devices and set-id programs on a server have no
			// meaning here.
			DirectMount: root, DirectMountFlags: flags,
			MaxWrite: maxWrite,
			// Without it "> file" would empty the file in a call of its own.
			ExtraCapabilities: fuse.CAP_ATOMIC_O_TRUNC,
			MaxReadAhead:      readAheadKB << 10, DisableXAttrs: true, DisableSplice: true,
			MaxBackground: 64,
			Debug:         o.Debug, Logger: fuseLog,
		},
		AttrTimeout: &o.AttrTimeout, EntryTimeout: &o.EntryTimeout,
		RootStableAttr: &fs.StableAttr{Ino: 1}, Logger: fuseLog,
	}
	server, err := fs.Mount(mountpoint, &node{t: t}, opts)
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", mountpoint, err)
	}
	s := &Server{mountpoint: mountpoint, fuse: server}
	if root {
		s.raiseReadAhead()
	}
	return s, nil
}

// raiseReadAhead is best effort: without it reads are a little slower.
func (s *Server) raiseReadAhead() {
	var st unix.Stat_t
	if err := unix.Stat(s.mountpoint, &st); err != nil {
		return
	}
	name := fmt.Sprintf("/sys/class/bdi/%d:%d/read_ahead_kb", unix.Major(st.Dev), unix.Minor(st.Dev))
	_ = os.WriteFile(name, fmt.Appendf(nil, "%d", readAheadKB), 0o644)
}

// ErrBusy says that files on the mount are in use.
var ErrBusy = errors.New("files on it are in use")

// Unmount ends the mount, unless it is in use.
func (s *Server) Unmount() error {
	err := s.fuse.Unmount()
	if err != nil && (errors.Is(err, syscall.EBUSY) || strings.Contains(err.Error(), "busy")) {
		return fmt.Errorf("unmount %s: %w", s.mountpoint, ErrBusy)
	}
	if err != nil {
		return fmt.Errorf("unmount %s: %w", s.mountpoint, err)
	}
	return nil
}

// UnmountLazy takes the mount out of sight at once; programs that have files
// of it open can go on with those until they close them.
func (s *Server) UnmountLazy() error {
	if os.Geteuid() == 0 {
		return unix.Unmount(s.mountpoint, unix.MNT_DETACH)
	}
	return Detach(context.Background(), s.mountpoint, true)
}

// Wait returns when the mount has ended, by whomever.
func (s *Server) Wait() { s.fuse.Wait() }
