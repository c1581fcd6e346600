package ftptest

import (
	"context"
	"log/slog"
)

// logTap is the log handler given to ftpserverlib. The library has no hook for
// the commands it reads, but logs each line at debug level, inside TLS too, so
// this is the one place where they can be seen. Everything else is dropped.
type logTap struct {
	conn   int
	record func(conn int, line string)
}

func (h *logTap) Enabled(context.Context, slog.Level) bool { return true }

func (h *logTap) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "Received line" {
		return nil
	}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "line" {
			h.record(h.conn, a.Value.String())
		}
		return true
	})
	return nil
}

func (h *logTap) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	for _, a := range attrs {
		if a.Key == "clientId" {
			next.conn = int(a.Value.Uint64()) //nolint:gosec // a small counter
		}
	}
	return &next
}

func (h *logTap) WithGroup(string) slog.Handler { return h }
