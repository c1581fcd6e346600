package ftpconn

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
)

// A panic over an answer costs the connection and is logged.
func TestPanicIsAnError(t *testing.T) {
	var log strings.Builder
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := &Conn{cfg: &Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, wire: &idleConn{Conn: ours}}
	err := c.safely(func(*Conn) error {
		var empty []string
		return errors.New(empty[len(log.String())])
	})
	if !errors.Is(err, errPanic) || c.broken == nil || !strings.Contains(log.String(), "safely_test.go") {
		t.Errorf("%v, %v, log %q", err, c.broken, log.String())
	}
}
