package main

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"ftpfs/cache"
	"ftpfs/cache/disk"
	"ftpfs/fs"
	"ftpfs/ftpconn"

	"golang.org/x/sys/unix"
)

// serve connects, mounts, calls ready, and returns when the mount has ended.
// ready gets what the user should be told, if anything.
func (a *app) serve(ctx context.Context, s *settings, ready func(notice string)) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	logger, closeLog, err := a.logger(s)
	if err != nil {
		return fail(exitUsage, "log file: %w", err)
	}
	defer closeLog()
	cfg, closeTrace, err := a.config(s, logger)
	if err != nil {
		return fail(exitUsage, "%w", err)
	}
	defer closeTrace()
	pool, err := ftpconn.NewPool(cfg)
	if err != nil {
		return fail(exitUsage, "%w", err)
	}
	defer func() { _ = pool.Close() }()
	var store *disk.Store
	if s.CacheDir != "" {
		if store, err = disk.Open(s.CacheDir, int64(s.DiskSize), logger); err != nil {
			return fail(exitUsage, "--cache-dir: %w", err)
		}
		defer store.Close()
	}
	session, closeSession, err := s.journal(logger)
	if err != nil {
		return fail(exitUsage, "%w", err)
	}
	defer closeSession()
	c := cache.New(pool, cache.Config{
		ListTTL: s.ListTTL, Size: int64(s.CacheSize), Connections: s.Connections, Logger: logger,
		Prefetch: cache.Prefetch(s.Prefetch), Disk: store, Origin: s.PublicURL,
		Session: session, ReadOnly: s.ReadOnly, WriteBack: s.WriteBack, InPlace: s.InPlace, OnConflict: cache.OnConflict(s.OnConflict),
		StaleIfError: s.StaleIfError, Verify: s.Verify,
	})
	defer func() { _ = c.Close() }()
	if s.Password != "" {
		// No core dump, and no look into our memory, for whom we are not root to.
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
			return fail(exitFailure, "prctl: %w", err)
		}
	}

	if err := firstLook(ctx, signals, pool, c); err != nil {
		return explainFirstLook(s, err)
	}
	notice := ""
	if pool.Security().PasswordInClear {
		notice = fmt.Sprintf("the password goes to %s in clear; %s", s.address(), whyInClear(s))
		logger.Warn(notice)
	}
	server, err := fs.Mount(s.Mountpoint, c, fs.Options{
		FSName: s.PublicURL, ServerRoot: pool.Root(),
		UID: uint32(s.UID), GID: uint32(s.GID), Umask: uint32(s.Umask),
		AllowOther: s.AllowOther, DefaultPermissions: s.DefaultPermissions, ReadOnly: s.ReadOnly,
		MountOptions: s.MountOptions, Debug: s.Debug, Logger: logger,
	})
	if err != nil {
		return &exitError{code: exitFuse, err: err}
	}
	ended := make(chan struct{})
	go func() {
		server.Wait()
		close(ended)
	}()
	go boundMemory(c, ended)
	defer reportCounters(c, cfg.Trace, logger)()
	if _, err := c.Recover(); err != nil {
		logger.Warn("what earlier mounts could not send", "error", err)
	}
	if forget, err := a.noteMount(s); err != nil {
		logger.Warn("umount and pending may not find what this mount has not sent", "error", err)
	} else {
		defer forget()
	}
	ready(notice)
	a.untilUnmounted(ctx, server, signals, ended)
	a.sendRest(c, signals, logger)
	return nil
}

// reportCounters logs the counters at SIGUSR1, and writes them into the trace
// when the function that it returns is called.
func reportCounters(c *cache.Cache, trace *ftpconn.Trace, logger *slog.Logger) func() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go func() {
		for range asked {
			logger.Warn("counters: " + c.Counters().String()) // as a warning: it was asked for
		}
	}()
	return func() {
		signal.Stop(asked)
		close(asked)
		trace.Note(c.Counters().String())
	}
}

// untilUnmounted unmounts at a signal, or when ctx ends; lazily at the second
// signal.
func (a *app) untilUnmounted(ctx context.Context, server *fs.Server, signals <-chan os.Signal, ended <-chan struct{}) {
	asked := false
	stop := ctx.Done()
	for {
		select {
		case <-ended:
			return
		case <-signals:
		case <-stop:
			stop = nil
		}
		if asked {
			if err := server.UnmountLazy(); err != nil {
				_, _ = fmt.Fprintln(a.stderr, "ftpfs:", err)
			}
			return
		}
		asked = true
		if err := server.Unmount(); err != nil {
			_, _ = fmt.Fprintf(a.stderr, "ftpfs: %v; close them, or signal again to unmount lazily\n", err)
		}
	}
}

// whyInClear says why a password was sent unprotected.
func whyInClear(s *settings) string {
	if s.TLS == "off" {
		return "--tls=off wants it so"
	}
	return "the server has no TLS"
}

// errSignal says that the user gave up.
var errSignal = errors.New("interrupted")

// firstLook logs in and lists the directory, so that what is wrong is known
// before anything is mounted.
func firstLook(ctx context.Context, signals <-chan os.Signal, pool *ftpconn.Pool, c *cache.Cache) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() {
		err := pool.Connect(ctx)
		if err == nil {
			_, err = c.Dir(ctx, "/")
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-signals:
		cancel(errSignal)
		<-done
		return errSignal
	}
}

// explainFirstLook says what failed, what the server said, and what to do.
func explainFirstLook(s *settings, err error) error {
	var refused *ftpconn.Error
	var protocol *ftpconn.ProtocolError
	said := ""
	if errors.As(err, &refused) {
		said = fmt.Sprintf(": the server said: %d %s", refused.Code, ftpconn.Printable(refused.Msg))
	}
	switch {
	case errors.Is(err, errSignal):
		return &exitError{code: exitFailure, err: err}
	case errors.Is(err, ftpconn.ErrTLS):
		return explainTLS(s, err)
	case errors.Is(err, ftpconn.ErrLogin):
		who := s.User
		if who == "" {
			who = "anonymous"
		}
		hint := "; check user and password"
		switch {
		case refused != nil && refused.Code != 530:
			hint = "" // it is not about the user
		case who == "anonymous":
			hint = "; this server wants a user: ftp://user@" + s.Host + "/"
		}
		return fail(exitLogin, "login as %s at %s refused%s%s", clipText(who), s.Host, said, hint)
	case errors.Is(err, ftpconn.ErrTimeout):
		return fail(exitUnreachable, "%s does not answer within %v; check host, port and firewall", s.address(), s.Timeout)
	case errors.As(err, &protocol):
		return fail(exitUnreachable, "%s does not speak FTP (%s); check the port", s.address(), protocol.Detail)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fail(exitUnreachable, "%s refuses the connection; is an FTP server running there, and is the port right?", s.address())
	case strings.Contains(err.Error(), "no such host"):
		return fail(exitUnreachable, "host %s is not known; check its name", s.Host)
	case errors.Is(err, ftpconn.ErrUnreachable):
		return fail(exitUnreachable, "can not connect to %s%s: %w", s.address(), said, cause(err))
	case refused != nil && (refused.Op == "CWD" || errors.Is(err, iofs.ErrNotExist) || errors.Is(err, ftpconn.ErrNotDir)):
		return fail(exitDirectory, "directory %q of the URL can not be entered%s; check it with: ftpfs shell", s.Dir, said)
	case refused != nil:
		return fail(exitDirectory, "%s failed%s", refused.Op, said)
	}
	return fail(exitFailure, "%s: %w", s.address(), err)
}

// cause is the innermost error: what the operating system said.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

func (s *settings) address() string {
	port := s.Port
	if port == 0 {
		port = 21
		if s.TLS == "implicit" {
			port = 990
		}
	}
	if strings.Contains(s.Host, ":") {
		return fmt.Sprintf("[%s]:%d", s.Host, port)
	}
	return fmt.Sprintf("%s:%d", s.Host, port)
}

// config turns the settings into those of ftpconn.
func (a *app) config(s *settings, logger *slog.Logger) (cfg ftpconn.Config, closeTrace func(), err error) {
	closeTrace = func() {}
	cfg = ftpconn.Config{
		Host: s.Host, Port: s.Port, User: s.User, Password: s.Password, Account: s.Account, Root: s.Dir,
		Timeout: s.Timeout, Connections: s.Connections, KeepAlive: s.KeepAlive, Active: s.Active, Logger: logger,
		Hard: s.Hard, MaxEntries: s.MaxEntries,
		TLS: s.mode(),
	}
	if cfg.TLSConfig, err = s.tlsSettings.config(s.Host); err != nil {
		return cfg, closeTrace, err
	}
	through, err := s.dialer()
	if err != nil {
		return cfg, closeTrace, err
	}
	if through != nil {
		cfg.Dial, cfg.Proxied = through.DialContext, true
	}
	if cfg.Charset, err = charset(s.Charset); err != nil {
		return cfg, closeTrace, err
	}
	if s.Timezone != "" {
		if cfg.Location, err = time.LoadLocation(s.Timezone); err != nil {
			return cfg, closeTrace, err
		}
	}
	switch s.Trace {
	case "":
	case "-":
		cfg.Trace = ftpconn.NewTrace(a.stderr)
	default:
		f, err := os.OpenFile(s.Trace, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return cfg, closeTrace, fmt.Errorf("trace file: %w", err)
		}
		cfg.Trace = ftpconn.NewTrace(f)
		closeTrace = func() { _ = f.Close() }
	}
	return cfg, closeTrace, nil
}
