package ftpconn

import (
	"context"
	"strings"
)

// pipelineWrite is about how many bytes of commands go into one write.
const pipelineWrite = 16 << 10

// pipeline sends commands that move no data, as many as there are, without
// waiting for replies between them, and calls read once for each of them, in
// order, to take its reply off the connection. All of it takes about one round
// trip.
//
// The commands are written by a goroutine of their own: a server that can not
// get rid of its replies stops reading commands. An error of read must have
// broken the Conn; it ends the pipeline.
func (c *Conn) pipeline(ctx context.Context, commands []command, read func(i int) error) error {
	if c.broken != nil {
		return c.broken
	}
	lines := make([]string, len(commands))
	for i, cmd := range commands {
		line, err := c.line(cmd)
		if err != nil {
			return err
		}
		lines[i] = line
	}
	defer c.interruptOn(ctx)()
	written := make(chan struct{})
	go func() {
		defer close(written)
		var b strings.Builder
		for i, line := range lines {
			c.cfg.Trace.sent(c.id, commands[i].String())
			b.WriteString(line)
			if b.Len() < pipelineWrite && i < len(lines)-1 {
				continue
			}
			if _, err := c.control.Write([]byte(b.String())); err != nil {
				_ = c.wire.Close() // whoever reads is told by that
				return
			}
			b.Reset()
		}
	}()
	var err error
	for i := range commands {
		if err = read(i); err != nil {
			break
		}
	}
	<-written // a broken Conn is closed, which ends the write
	return err
}

// pipelined is pipeline for commands with ordinary replies. errs[i] is nil or
// the *Error of commands[i]; err is what broke the connection.
func (c *Conn) pipelined(ctx context.Context, commands []command) (replies []reply, errs []error, err error) {
	replies = make([]reply, len(commands))
	errs = make([]error, len(commands))
	err = c.pipeline(ctx, commands, func(i int) error {
		replies[i], errs[i] = c.final(commands[i].verb, commands[i].arg)
		return c.broken
	})
	return replies, errs, err
}
