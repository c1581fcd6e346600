package ftptest

import (
	"io"
	"io/fs"
	"path"
	"time"
)

// The methods of this file change the served tree from behind: no FTP command
// is sent, the mount is not told. They panic if the change is impossible,
// which is a mistake in the test.

// WriteFile makes or replaces the file name, with the directories it needs.
// Readers of an older file of that name go on with the old content.
func (s *Server) WriteFile(name string, data []byte, modTime time.Time) {
	must(s.tree.write(abs(name), data, modTime))
}

// Mkdir makes the directory name, with those above it; it may exist.
func (s *Server) Mkdir(name string) {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	must(s.tree.Fs.MkdirAll(abs(name), 0o755))
}

// Remove removes name and, if it is a directory, all that is in it. It need
// not exist.
func (s *Server) Remove(name string) {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	must(s.tree.RemoveAll(abs(name)))
}

// Rename gives a file or directory a new name.
func (s *Server) Rename(from, to string) { must(s.tree.Rename(abs(from), abs(to))) }

// Chmod sets the permission bits of name.
func (s *Server) Chmod(name string, mode fs.FileMode) { must(s.tree.Chmod(abs(name), mode)) }

// Chtimes sets the modification time of name.
func (s *Server) Chtimes(name string, modTime time.Time) {
	must(s.tree.Chtimes(abs(name), modTime, modTime))
}

// ReadFile returns the content that the server has for name.
func (s *Server) ReadFile(name string) ([]byte, error) {
	f, err := s.tree.Open(abs(name))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	if errClose := f.Close(); err == nil {
		err = errClose
	}
	return data, err
}

// Stat returns the attributes that the server has for name.
func (s *Server) Stat(name string) (fs.FileInfo, error) { return s.tree.Stat(abs(name)) }

func abs(name string) string { return path.Clean("/" + name) }

func must(err error) {
	if err != nil {
		panic("ftptest: " + err.Error())
	}
}
