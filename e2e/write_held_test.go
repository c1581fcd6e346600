package e2e

import (
	"testing"

	"ftpfs/ftpconn/ftptest/realserver"
)

// TestRemovedFileIsReadOn: a file that is open only to be read, and loses its
// name, is read on, also when its content has left the memory.
func TestRemovedFileIsReadOn(t *testing.T) {
	needMounts(t)
	root := writableRoot(t)
	srv := realserver.Start(t, realserver.VSFTPD, realserver.Options{Root: root, Writable: true})
	mnt := mount(t, srv.URL()+"w", "--cache-size", "1M", "--staging-dir", stagingDir(t))
	python(t, `
import os, sys
mnt = sys.argv[1]
data = os.urandom(8 << 20)
for by in ("unlink", "rename"):
	open(os.path.join(mnt, by), "wb").write(data)
	open(os.path.join(mnt, by + ".new"), "wb").write(b"new")
	fd = os.open(os.path.join(mnt, by), os.O_RDONLY)
	assert os.pread(fd, 10, 0) == data[:10]
	if by == "unlink":
		os.unlink(os.path.join(mnt, by))
	else:
		os.rename(os.path.join(mnt, by + ".new"), os.path.join(mnt, by))
	got = b""
	while len(got) < len(data):
		part = os.pread(fd, 1 << 20, len(got))
		assert part, (by, len(got))
		got += part
	assert got == data, by
	os.close(fd)
`, mnt)
}
