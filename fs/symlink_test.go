package fs

import (
	"path"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestContain(t *testing.T) {
	for _, test := range []struct{ root, dir, target, want string }{
		{"/", "/", "a", "a"},
		{"/", "/d", "../a", "../a"},
		{"/", "/d/e", "../../a/b", "../../a/b"},
		{"/", "/", "/a/b", "a/b"},
		{"/", "/d/e", "/a/b", "../../a/b"},
		{"/", "/", "/", "."},
		{"/", "/d", "/", ".."},
		{"/pub", "/", "/pub/a", "a"},
		{"/pub", "/d", "/pub/a", "../a"},
		{"/pub", "/d", "/pub", ".."},
		{"/pub", "/d", "/pub/./x/../a", "../a"},
		{"/pub", "/", "a/./b", "a/./b"},
	} {
		got, err := contain(test.root, test.dir, test.target)
		if err != nil || got != test.want {
			t.Errorf("contain(%q, %q, %q) = %q, %v; want %q", test.root, test.dir, test.target, got, err, test.want)
		}
	}
	for _, test := range []struct{ root, dir, target string }{
		{"/", "/", ""}, {"/", "/", ".."}, {"/", "/", "a/../../b"}, {"/", "/d", "../../x"}, {"/", "/", "a\x00b"},
		{"/pub", "/", "/etc/passwd"}, {"/pub", "/", "/public/x"}, {"/pub", "/", "/pub/../etc"}, {"", "/", "/a"}, {"DISK:[X]", "/", "/a"},
	} {
		if got, err := contain(test.root, test.dir, test.target); err == nil {
			t.Errorf("contain(%q, %q, %q) = %q", test.root, test.dir, test.target, got)
		}
	}
}

// Whatever a server says, the answer resolves inside the mount.
func TestContainNeverLeaves(t *testing.T) {
	part := rapid.SampledFrom([]string{"", ".", "..", "a", "b", "pub", "..."})
	paths := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(part, 0, 8).Draw(t, "parts"), "/")
	})
	rapid.Check(t, func(t *rapid.T) {
		root := path.Clean("/" + paths.Draw(t, "root"))
		dir := path.Clean("/" + paths.Draw(t, "dir"))
		got, err := contain(root, dir, paths.Draw(t, "target"))
		if err != nil {
			return
		}
		if path.IsAbs(got) || got == "" {
			t.Fatalf("%q", got)
		}
		const above = "/outside/of/the/mount"
		if at := path.Join(above+dir, got); at != above && !strings.HasPrefix(at, above+"/") {
			t.Fatalf("in %q: %q leads to %q", dir, got, at)
		}
	})
}
