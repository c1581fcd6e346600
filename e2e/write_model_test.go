package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ftpfs/ftpconn/ftptest/realserver"
)

// TestModel does random things to a small tree, and the same to a model of
// one; results, listings and the server's tree must be the same.
// FTPFS_MODEL=5000 does more.
func TestModel(t *testing.T) {
	onServers(t, realserver.All, func(t *testing.T, p place) { runModel(t, p, 150, func() {}) })
	t.Run("write-back", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, realserver.VSFTPD, "--write-back")
		runModel(t, p, 150, func() { settled(t, p.staging) })
	})
}

// runModel runs models for some steps each; settle is called before the server's tree is looked at.
func runModel(t *testing.T, p place, steps int, settle func()) {
	s := seed(t)
	for round := range 4 {
		m := &model{t: t, rnd: rand.New(rand.NewPCG(s, uint64(round))), nodes: map[string]*modelNode{".": {dir: true}}, settle: settle}
		m.mnt, m.disk = filepath.Join(p.mnt, fmt.Sprint(round)), filepath.Join(p.disk, fmt.Sprint(round))
		if err := os.Mkdir(m.mnt, 0o755); err != nil {
			t.Fatal(err)
		}
		for range often(t, "FTPFS_MODEL", steps) {
			m.step()
			if t.Failed() {
				t.Fatalf("round %d; the last that was done:\n%s", round, strings.Join(m.past[max(0, len(m.past)-25):], "\n"))
			}
		}
		for _, f := range m.open {
			m.close(f)
		}
		m.compare()
	}
	settled(t, p.staging)
}

type modelNode struct {
	dir  bool
	data []byte
}

// modelFile is an open file; its node may have lost its name.
type modelFile struct {
	*os.File
	node *modelNode
}

type model struct {
	t         *testing.T
	rnd       *rand.Rand
	mnt, disk string
	nodes     map[string]*modelNode // by path
	open      []*modelFile
	past      []string
	settle    func()
}

// name is a path of one to three of a few names.
func (m *model) name() string {
	parts := make([]string, 1+m.rnd.IntN(3))
	for i := range parts {
		parts[i] = string(rune('a' + m.rnd.IntN(3)))
	}
	return path.Join(parts...)
}

// some is mostly a name that exists.
func (m *model) some() string {
	if m.rnd.IntN(5) == 0 {
		return m.name()
	}
	all := slices.Sorted(maps.Keys(m.nodes))
	if n := all[m.rnd.IntN(len(all))]; n != "." {
		return n
	}
	return m.name()
}

// parent says what is wrong with the directory of a name.
func (m *model) parent(name string) error {
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		if n := m.nodes[dir]; n != nil && !n.dir {
			return syscall.ENOTDIR
		}
		if dir == "." {
			break
		}
	}
	if m.nodes[path.Dir(name)] == nil {
		return syscall.ENOENT
	}
	return nil
}

func (m *model) empty(name string) bool {
	for n := range m.nodes {
		if strings.HasPrefix(n, name+"/") {
			return false
		}
	}
	return true
}

func (m *model) did(what string, got, want error) {
	m.t.Helper()
	m.past = append(m.past, fmt.Sprintf("%s: %v", what, want))
	if want == nil && got != nil || want != nil && !errors.Is(got, want) {
		m.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (m *model) at(name string) string { return filepath.Join(m.mnt, name) }

func (m *model) step() {
	switch m.rnd.IntN(14) {
	case 0, 1:
		m.mkdir(m.name())
	case 2, 3, 4:
		m.write(m.some())
	case 5:
		m.append(m.some())
	case 6:
		m.truncate(m.some())
	case 7, 8, 9:
		m.rename(m.some(), m.some())
	case 10:
		m.remove(m.some())
	case 11:
		m.read(m.some())
	case 12:
		m.handle()
	case 13:
		if m.rnd.IntN(5) == 0 && len(m.open) == 0 {
			m.compare()
		}
	}
}

func (m *model) mkdir(name string) {
	want := m.parent(name)
	if want == nil && m.nodes[name] != nil {
		want = syscall.EEXIST
	}
	m.did("mkdir "+name, os.Mkdir(m.at(name), 0o755), want)
	if want == nil {
		m.nodes[name] = &modelNode{dir: true}
	}
}

// writable says what is wrong with opening a file for writing.
func (m *model) writable(name string, create bool) error {
	if err := m.parent(name); err != nil {
		return err
	}
	switch n := m.nodes[name]; {
	case n == nil && !create:
		return syscall.ENOENT
	case n != nil && n.dir:
		return syscall.EISDIR
	}
	return nil
}

func (m *model) text() []byte {
	largest := 1 << m.rnd.IntN(17)
	if m.rnd.IntN(15) == 0 {
		largest = 3 << 20 // it is sent while it is written
	}
	return bytes.Repeat([]byte{byte('A' + m.rnd.IntN(26))}, m.rnd.IntN(largest))
}

func (m *model) write(name string) {
	want, data := m.writable(name, true), m.text()
	m.did(fmt.Sprintf("write %s, %d bytes", name, len(data)), os.WriteFile(m.at(name), data, 0o644), want)
	if want != nil {
		return
	}
	if n := m.nodes[name]; n != nil {
		n.data = data
	} else {
		m.nodes[name] = &modelNode{data: data}
	}
}

func (m *model) append(name string) {
	want, data := m.writable(name, false), m.text()
	f, err := os.OpenFile(m.at(name), os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.Write(data)
		err = errors.Join(err, f.Close())
	}
	m.did(fmt.Sprintf("append to %s, %d bytes", name, len(data)), err, want)
	if n := m.nodes[name]; want == nil {
		n.data = append(slices.Clip(n.data), data...)
	}
}

func (m *model) truncate(name string) {
	want, size := m.writable(name, false), m.rnd.IntN(100_000)
	m.did(fmt.Sprintf("truncate %s to %d", name, size), os.Truncate(m.at(name), int64(size)), want)
	if n := m.nodes[name]; want == nil {
		n.resize(size)
	}
}

func (n *modelNode) resize(size int) {
	data := make([]byte, size)
	copy(data, n.data)
	n.data = data
}

func (m *model) rename(from, to string) {
	want := m.parent(from)
	if want == nil {
		want = m.parent(to)
	}
	a, b := m.nodes[from], m.nodes[to]
	switch {
	case want != nil:
	case a == nil:
		want = syscall.ENOENT
	case a.dir && strings.HasPrefix(to, from+"/"):
		want = syscall.EINVAL
	case b == nil || a == b:
	case b.dir && strings.HasPrefix(from, to+"/"):
		want = syscall.ENOTEMPTY
	case a.dir && !b.dir:
		want = syscall.ENOTDIR
	case !a.dir && b.dir:
		want = syscall.EISDIR
	case b.dir && !m.empty(to):
		want = syscall.ENOTEMPTY
	}
	// os.Rename looks first, and has errors of its own.
	got := syscall.Rename(m.at(from), m.at(to))
	// Which of two things that are wrong is told is the kernel's choice.
	if m.parent(from) != nil && m.parent(to) != nil && got != nil {
		want = got
	}
	m.did("rename "+from+" to "+to, got, want)
	if want != nil || from == to {
		return
	}
	moved := map[string]*modelNode{}
	for n, node := range m.nodes {
		if n == from || strings.HasPrefix(n, from+"/") {
			moved[to+strings.TrimPrefix(n, from)] = node
			delete(m.nodes, n)
		}
	}
	maps.Copy(m.nodes, moved)
}

func (m *model) remove(name string) {
	want, n := m.parent(name), m.nodes[name]
	switch {
	case want != nil:
	case n == nil:
		want = syscall.ENOENT
	case n.dir && m.rnd.IntN(2) == 0:
		m.did("unlink of the directory "+name, syscall.Unlink(m.at(name)), syscall.EISDIR)
		return
	case n.dir && !m.empty(name):
		want = syscall.ENOTEMPTY
	}
	if n != nil && n.dir {
		m.did("rmdir "+name, syscall.Rmdir(m.at(name)), want)
	} else {
		m.did("unlink "+name, syscall.Unlink(m.at(name)), want)
	}
	if want == nil {
		delete(m.nodes, name)
	}
}

func (m *model) read(name string) {
	want, n := m.parent(name), m.nodes[name]
	switch {
	case want != nil:
	case n == nil:
		want = syscall.ENOENT
	case n.dir:
		want = syscall.EISDIR
	}
	data, err := os.ReadFile(m.at(name))
	m.did("read "+name, err, want)
	if want == nil && !bytes.Equal(data, n.data) {
		m.t.Errorf("%s: %s, want %s", name, brief(data), brief(n.data))
	}
}

func brief(data []byte) string {
	if len(data) > 20 {
		return fmt.Sprintf("%d bytes, %q...", len(data), data[:20])
	}
	return fmt.Sprintf("%q", data)
}

// handle opens a file and keeps it, or uses one of those that are open.
func (m *model) handle() {
	if len(m.open) == 0 || len(m.open) < 3 && m.rnd.IntN(3) == 0 {
		name := m.some()
		want := m.writable(name, true)
		f, err := os.OpenFile(m.at(name), os.O_RDWR|os.O_CREATE, 0o644)
		m.did("open "+name, err, want)
		if err != nil || want != nil {
			return
		}
		n := m.nodes[name]
		if n == nil {
			n = &modelNode{}
			m.nodes[name] = n
		}
		m.open = append(m.open, &modelFile{File: f, node: n})
		return
	}
	i := m.rnd.IntN(len(m.open))
	f := m.open[i]
	switch m.rnd.IntN(5) {
	case 0:
		m.close(f)
		m.open = slices.Delete(m.open, i, i+1)
	case 1:
		size := m.rnd.IntN(50_000)
		m.did(fmt.Sprintf("truncate the open %s to %d", f.Name(), size), f.Truncate(int64(size)), nil)
		f.node.resize(size)
	case 2:
		data := make([]byte, len(f.node.data)+10)
		n, _ := f.ReadAt(data, 0) // io.EOF
		if !bytes.Equal(data[:n], f.node.data) {
			m.t.Errorf("read of the open %s: %s, want %s", f.Name(), brief(data[:n]), brief(f.node.data))
		}
	default:
		data, off := m.text(), m.rnd.IntN(50_000)
		_, err := f.WriteAt(data, int64(off))
		m.did(fmt.Sprintf("write to the open %s, %d bytes at %d", f.Name(), len(data), off), err, nil)
		if len(data) == 0 {
			return
		}
		if end := off + len(data); end > len(f.node.data) {
			f.node.resize(end)
		} else {
			f.node.data = slices.Clone(f.node.data)
		}
		copy(f.node.data[off:], data)
	}
}

func (m *model) close(f *modelFile) {
	m.did("close "+f.Name(), f.Close(), nil)
}

// compare compares with the mount and with the server's disk.
func (m *model) compare() {
	m.t.Helper()
	m.settle()
	for _, where := range []string{m.mnt, m.disk} {
		got := map[string]string{}
		err := filepath.WalkDir(where, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			short, err := filepath.Rel(where, name)
			if err != nil || d.IsDir() {
				got[short] = "directory"
				return err
			}
			data, err := os.ReadFile(name)
			got[short] = string(data)
			return err
		})
		if err != nil {
			m.t.Errorf("%s: %v", where, err)
		}
		for name, n := range m.nodes {
			content, ok := got[name]
			switch {
			case !ok:
				m.t.Errorf("%s lacks %s", where, name)
			case n.dir && content != "directory" || !n.dir && content != string(n.data):
				m.t.Errorf("%s has for %s: %s, want %s", where, name, brief([]byte(content)), brief(n.data))
			}
		}
		for name := range got {
			if m.nodes[name] == nil {
				m.t.Errorf("%s has %s", where, name)
			}
		}
	}
}
