package main

import (
	"io"
	"log/slog"
	"log/syslog"
	"os"
)

// logger returns where warnings go: the log file; else stderr in the
// foreground; else the system log, if there is one.
func (a *app) logger(s *settings) (l *slog.Logger, closeLog func(), err error) {
	closeLog = func() {}
	level := slog.LevelInfo
	if s.Debug {
		level = slog.LevelDebug
	}
	var w io.Writer
	plain := false
	switch {
	case s.LogFile == "-":
		w = a.stderr
	case s.LogFile != "":
		f, err := os.OpenFile(s.LogFile, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return nil, closeLog, err
		}
		w, closeLog = f, func() { _ = f.Close() }
	case s.Foreground:
		w = a.stderr
	default:
		sys, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_WARNING, "ftpfs")
		if err != nil {
			return slog.New(slog.DiscardHandler), closeLog, nil
		}
		w, closeLog, plain = sys, func() { _ = sys.Close() }, true
	}
	options := &slog.HandlerOptions{Level: level}
	if plain {
		options.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey { // the system log has its own
				return slog.Attr{}
			}
			return a
		}
	}
	return slog.New(slog.NewTextHandler(w, options)), closeLog, nil
}
