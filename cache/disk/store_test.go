package disk_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ftpfs/cache/disk"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string, limit int64) (*disk.Store, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	s, err := disk.Open(dir, limit, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, log
}

func key(i int) disk.Key { return disk.KeyOf("test", fmt.Sprint(i)) }

func data(i int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 500) }

// files are the pieces on disk.
func files(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "??", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What was put is there for the next process, and for one that runs beside.
func TestPiecesOutliveTheStore(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, 1<<20)
	for i := range 100 {
		s.Put(key(i), data(i))
	}
	s.Close()
	for range 2 {
		again, log := open(t, dir, 1<<20)
		for i := range 100 {
			if !again.Has(key(i)) || !bytes.Equal(again.Get(key(i)), data(i)) {
				t.Errorf("piece %d is lost", i)
			}
		}
		if again.Has(key(100)) || again.Get(key(100)) != nil || log.Len() > 0 {
			t.Errorf("a piece that was never put; log: %s", log)
		}
	}
}

// The bound holds, in the run that writes and in the next, and the pieces that
// were used last stay.
func TestStoreIsBounded(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, 20*1008)
	for i := range 20 {
		s.Put(key(i), data(i))
	}
	waitFor(t, func() bool { return len(files(t, dir)) == 20 })
	if s.Get(key(0)) == nil {
		t.Error("piece 0 is lost")
	}
	for i := 20; i < 30; i++ {
		s.Put(key(i), data(i))
	}
	s.Close()
	if n := len(files(t, dir)); n != 20 {
		t.Errorf("%d files, 20 have room", n)
	}
	if !s.Has(key(0)) {
		t.Error("the piece that was used last went first")
	}
	_, _ = open(t, dir, 5*1008)
	if n := len(files(t, dir)); n != 5 {
		t.Errorf("%d files, 5 have room", n)
	}
}

// What a crash or a bad disk has left is a miss, is said once, and goes away.
func TestDamagedPiecesAreMisses(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"empty":    func([]byte) []byte { return nil },
		"cut":      func(b []byte) []byte { return b[:len(b)/2] },
		"flipped":  func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"no magic": func(b []byte) []byte { b[0] = 'x'; return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, log := open(t, dir, 1<<20)
			s.Put(key(1), data(1))
			waitFor(t, func() bool { return s.Has(key(1)) })
			file := files(t, dir)[0]
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := s.Get(key(1)); got != nil || s.Has(key(1)) {
				t.Errorf("%d bytes", len(got))
			}
			if strings.Count(log.String(), "\n") != 1 || len(files(t, dir)) != 0 {
				t.Errorf("log: %q; files: %q", log, files(t, dir))
			}
		})
	}
}

// A disk that can not be written or read is no error for anybody.
func TestFailingDiskIsAMiss(t *testing.T) {
	dir := t.TempDir()
	s, log := open(t, dir, 1<<20)
	s.Put(key(1), data(1))
	waitFor(t, func() bool { return s.Has(key(1)) })
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file where the directory was
		t.Fatal(err)
	}
	if s.Get(key(1)) != nil {
		t.Error("a piece of a disk that is gone")
	}
	for i := range 50 {
		s.Put(key(i), data(i))
	}
	s.Close()
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d lines: %s", n, log)
	}
}

// What a killed process was writing is removed, but not what another one is.
func TestLeftoversAreRemoved(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, 1<<20)
	s.Close()
	old, fresh := filepath.Join(dir, "00", "1.tmp"), filepath.Join(dir, "00", "2.tmp")
	for _, name := range []string{old, fresh} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(old, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	open(t, dir, 1<<20)
	if got := files(t, dir); len(got) != 1 || got[0] != fresh {
		t.Errorf("left: %q", got)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for range 500 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it does not come about")
}
