package fs

import (
	"errors"
	"path"
	"strings"
)

var errOutside = errors.New("link leads out of the mount")

// contain returns what readlink answers for a link in the directory dir of the
// mount (absolute, "/" is its root), whose target the server gives. root is
// the server's path of "/".
//
// A relative target stays as it is. An absolute one is a path on the server
// and becomes a relative one that leads to the same place through the mount:
// the kernel would take an absolute path from the root of this machine. A
// target that leaves the mount is errOutside.
func contain(root, dir, target string) (string, error) {
	if target == "" || strings.ContainsRune(target, 0) {
		return "", errOutside
	}
	if !path.IsAbs(target) {
		if climbs(dir, target) {
			return "", errOutside
		}
		return target, nil
	}
	inside, ok := below(root, path.Clean(target))
	if !ok {
		return "", errOutside
	}
	up := strings.Repeat("../", depth(dir))
	if inside == "" {
		if up == "" {
			return ".", nil
		}
		return strings.TrimSuffix(up, "/"), nil
	}
	return up + inside, nil
}

// climbs says whether a relative target has more ".." at any point than dir
// has levels. The names before a ".." may be links themselves, and then lead
// elsewhere; but every link is contained when it is read in its turn.
func climbs(dir, target string) bool {
	level := depth(dir)
	for _, part := range strings.Split(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if level--; level < 0 {
				return true
			}
		default:
			level++
		}
	}
	return false
}

// below returns the path of target under root.
func below(root, target string) (string, bool) {
	if !path.IsAbs(root) {
		return "", false // a server without Unix paths: no such link can be placed
	}
	if root = path.Clean(root); root == "/" {
		return strings.TrimPrefix(target, "/"), true
	}
	if target == root {
		return "", true
	}
	return strings.CutPrefix(target, root+"/")
}

// depth is the number of directories between dir and the root.
func depth(dir string) int {
	if dir == "/" {
		return 0
	}
	return strings.Count(dir, "/")
}
