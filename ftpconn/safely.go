package ftpconn

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// errPanic is the error of work that ran into a bug of ours, most likely over
// an answer that nobody thought of.
var errPanic = errors.New("internal error")

// safely runs f. A panic in it costs the connection, and not the mount.
func (c *Conn) safely(f func(*Conn) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			c.cfg.Logger.Error("internal error; please report it", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = c.fail(fmt.Errorf("%w: %v", errPanic, r))
		}
	}()
	return f(c)
}
