package ftptest

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// node is a file, directory or symbolic link in the tree of a Script. A node is
// replaced, never changed.
type node struct {
	dir    bool
	link   string // target of a symbolic link
	data   []byte
	mod    time.Time
	mode   fs.FileMode // permission bits
	unique int         // tells apart what had the same name
}

// named is a node with its name in a directory.
type named struct {
	*node
	name string
}

// WriteFile makes or replaces a file, with the directories it needs.
func (s *Script) WriteFile(name string, data []byte, modTime time.Time) {
	s.put(name, &node{data: append([]byte(nil), data...), mod: modTime, mode: 0o644})
}

// Mkdir makes a directory, with those above it.
func (s *Script) Mkdir(name string) {
	s.put(name, &node{dir: true, mode: 0o755, mod: time.Now()})
}

// Symlink makes a symbolic link. Listings show the target as it is; the server
// follows it inside the tree.
func (s *Script) Symlink(name, target string) {
	s.put(name, &node{link: target, mode: 0o777, mod: time.Now()})
}

// Remove removes name and all below it.
func (s *Script) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name = abs(name)
	for p := range s.nodes {
		if p == name || strings.HasPrefix(p, name+"/") {
			delete(s.nodes, p)
		}
	}
}

// ReadFile returns the content of a file.
func (s *Script) ReadFile(name string) ([]byte, error) {
	n, _, err := s.find(name)
	if err != nil {
		return nil, err
	}
	return n.data, nil
}

func (s *Script) put(name string, n *node) {
	accepted := s.Accepted()
	s.mu.Lock()
	defer s.mu.Unlock()
	name = abs(name)
	for dir := path.Dir(name); s.nodes[dir] == nil; dir = path.Dir(dir) {
		s.nodes[dir] = &node{dir: true, mode: 0o755, mod: n.mod, unique: len(s.nodes)}
	}
	n.unique = len(s.nodes) + accepted<<16
	if old := s.nodes[name]; old != nil && old.dir && n.dir {
		return
	}
	s.nodes[name] = n
}

// find returns the node for a path and the path it resolves to, with symbolic
// links followed.
func (s *Script) find(name string) (*node, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.findLocked(abs(name), 0)
}

func (s *Script) findLocked(name string, links int) (*node, string, error) {
	resolved := "/"
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
	for i, part := range parts {
		resolved = path.Join(resolved, part)
		n := s.nodes[resolved]
		if n == nil {
			return nil, name, &fs.PathError{Op: "find", Path: name, Err: syscall.ENOENT}
		}
		if n.link == "" {
			continue
		}
		if links++; links > 40 {
			return nil, name, &fs.PathError{Op: "find", Path: name, Err: syscall.ELOOP}
		}
		target := n.link
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(resolved), target)
		}
		return s.findLocked(abs(target+"/"+strings.Join(parts[i+1:], "/")), links)
	}
	return s.nodes[resolved], resolved, nil
}

// children returns what is in a directory, sorted by name.
func (s *Script) children(dir string) []named {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []named
	for p, n := range s.nodes {
		if p != "/" && path.Dir(p) == dir {
			all = append(all, named{n, path.Base(p)})
		}
	}
	slices.SortFunc(all, func(a, b named) int { return cmp.Compare(a.name, b.name) })
	return all
}

// listing returns the bytes that a test has set for a directory.
func (s *Script) listing(verb, dir string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, ok := s.listings[verb+" "+dir]
	return raw, ok
}

// unixLine is a line of "ls -l", as vsftpd writes it.
func unixLine(n named, now time.Time, loc *time.Location) string {
	kind, name := "-", n.name
	switch {
	case n.dir:
		kind = "d"
	case n.link != "":
		kind, name = "l", n.name+" -> "+n.link
	}
	mod := n.mod.In(loc)
	date := mod.Format("Jan _2 15:04")
	if now.Sub(mod) > 182*24*time.Hour || mod.Sub(now) > 24*time.Hour {
		date = mod.Format("Jan _2  2006")
	}
	return fmt.Sprintf("%s%s    1 ftp      ftp      %12d %s %s\r\n",
		kind, n.mode.String()[1:], len(n.data), date, name)
}

// factsLine is the line of MLSD and MLST (RFC 3659 7.2) for a node.
func factsLine(n *node, kind, name string) string {
	switch {
	case kind != "":
	case n.dir:
		kind = "dir"
	case n.link != "":
		kind = "OS.unix=slink:" + n.link
	default:
		kind = "file"
	}
	return fmt.Sprintf("type=%s;size=%d;modify=%s;unique=%xg%x;UNIX.mode=%04o; %s\r\n",
		kind, len(n.data), n.mod.UTC().Format("20060102150405"), 1, n.unique, n.mode, name)
}
