package e2e

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const testText = "this is the content of the test file for testing manually commanded python ftp client"

// oddNames are names that servers, shells and parsers stumble over.
var oddNames = []string{
	"a b", "[x]", "*", "-a", " leading", "trailing ", "a -> b", "Grüße", "日本語", "{a,b}", "a;b", "~x",
	`q"uote`, "it's", "%41", "#x", "a\\b", strings.Repeat("n", 255), ".hidden",
}

// newRoot makes the tree that the servers show.
func newRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{root, filepath.Dir(root)} { // for the servers' users
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put := func(name string, data []byte) {
		full := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("test.txt", []byte(testText))
	put("empty", nil)
	put("big", noise(64<<20))
	for d := range 5 {
		for s := range 4 {
			for f := range 10 {
				put(filepath.Join("tree", "d"+strconv.Itoa(d), "s"+strconv.Itoa(s), "f"+strconv.Itoa(f)), noise(200+f*800))
			}
		}
	}
	old := time.Now().Add(-100 * 24 * time.Hour).Truncate(time.Minute)
	older := time.Date(2019, 3, 4, 0, 0, 0, 0, time.UTC)
	for i := range 10 {
		put("times/f"+strconv.Itoa(i), []byte("x"))
		when := old
		if i%2 == 0 {
			when = older
		}
		if err := os.Chtimes(filepath.Join(root, "times/f"+strconv.Itoa(i)), when, when); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 8 {
		put("eight/f"+strconv.Itoa(i), noise(4<<20+i))
	}
	for i := range 5000 {
		put("many/file-"+strconv.Itoa(i), nil)
	}
	for _, link := range [][2]string{
		{"test.txt", "link"}, {"../d1/s0/f3", "tree/d0/up"}, {"tree/d0", "dirlink"}, {"nowhere", "dangling"}, {"../../../etc/passwd", "outside"},
	} {
		if err := os.Symlink(link[0], filepath.Join(root, link[1])); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// addOdd makes a file and a directory of each odd name.
func addOdd(t *testing.T, root string) {
	t.Helper()
	for _, n := range oddNames {
		dir := filepath.Join(root, "odd", n)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, n), []byte(n), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(data)
	return data
}
