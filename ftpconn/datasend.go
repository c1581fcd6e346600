package ftpconn

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// below is the TCP connection of a data connection, if it is one.
func (d *dataConn) below() net.Conn {
	nc := d.Conn
	if d.wire != nil {
		nc = d.wire.Conn
	}
	if idle, ok := nc.(*idleConn); ok {
		nc = idle.Conn
	}
	return nc
}

// reset closes a data connection in a way that can not be taken for the end of
// the content.
func (d *dataConn) reset() {
	if tcp, ok := d.below().(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0) // it is closed in any case
		_ = d.below().Close()
	}
	_ = d.Close()
}

func (d *dataConn) unsent() int { return unsent(d.below()) }

// unsent is how many bytes the kernel still has to send, as far as is known.
func unsent(nc net.Conn) int {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	if err := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
		return 0
	}
	return n
}

// drain reads what the server sends, until it ends its side. How it does that
// is its own matter: its reply tells what came of the content. As long as
// content is still on its way it is waited for.
func (d *dataConn) drain(tc *tls.Conn) {
	_, err := io.Copy(io.Discard, tc)
	for left := d.unsent(); errors.Is(err, ErrTimeout) && left > 0; {
		now := d.unsent()
		if now >= left {
			return
		}
		left = now
		_, err = io.Copy(io.Discard, d.wire) // the tls.Conn reads no more after a timeout
	}
}
