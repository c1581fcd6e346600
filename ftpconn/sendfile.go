package ftpconn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// copyBuffer is how much of a file is read at once where the kernel can not
// send it by itself.
const copyBuffer = 256 << 10

// SendFile implements Upload.
func (u *upload) SendFile(f *os.File, off int64, n int) (int, error) {
	if err := u.enter(); err != nil {
		return 0, err
	}
	done, err := u.sendFile(f, off, n)
	return done, u.leave(err)
}

func (u *upload) sendFile(f *os.File, off int64, n int) (int, error) {
	if u.t != nil || len(u.held)+n > smallUpload {
		if err := u.flow(); err != nil {
			return 0, err
		}
		done, err := u.t.sendFile(f, off, n)
		u.total += int64(done)
		switch {
		case err == nil, errors.Is(err, errSource):
			return done, err
		case done > 0 || !errors.Is(err, errors.ErrUnsupported):
			return done, u.broke(err)
		}
	}
	if size := min(n, copyBuffer); len(u.buffer) < size {
		u.buffer = make([]byte, size)
	}
	for done := 0; done < n; {
		part, err := f.ReadAt(u.buffer[:min(n-done, len(u.buffer))], off+int64(done))
		if part == 0 {
			return done, sourceError(f, err)
		}
		sent, err := u.write(u.buffer[:part])
		done += sent
		if err != nil {
			return done, err
		}
	}
	return n, nil
}

// errSource says that it is the file that fails, and not the connection, whose
// end must not look like that of the content then.
var errSource = errors.New("the file that is sent")

func sourceError(f *os.File, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %s: %w", errSource, f.Name(), err)
}

// sendFile lets the kernel send a part of a file. errors.ErrUnsupported means
// that it does not do so here: with TLS, a proxy, or on some file systems.
func (t *transfer) sendFile(f *os.File, off int64, n int) (int, error) {
	idle, ok := t.data.Conn.(*idleConn)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	tcp, ok := idle.Conn.(*net.TCPConn)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	to, err := tcp.SyscallConn()
	if err != nil {
		return 0, err
	}
	from, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	done, err := idle.patiently(func(done int) (int, error) {
		before := done
		var said error
		err := to.Write(func(socket uintptr) bool {
			for done < n && said == nil {
				at, part := off+int64(done), 0
				err := from.Control(func(file uintptr) { part, said = unix.Sendfile(int(socket), int(file), &at, n-done) })
				switch {
				case err != nil:
					said = sourceError(f, err)
				case errors.Is(said, unix.EAGAIN):
					said = nil
					return false
				case errors.Is(said, unix.EINTR):
					said = nil
				case errors.Is(said, unix.EIO), said == nil && part == 0:
					said = sourceError(f, said)
				}
				done += max(0, part)
			}
			return true
		})
		if said == nil {
			said = err
		}
		return done - before, said
	})
	t.bytes.Add(int64(done))
	if errors.Is(err, unix.EINVAL) {
		err = errors.ErrUnsupported // or ENOSYS, which says so itself
	}
	return done, err
}
