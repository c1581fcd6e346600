package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ftpfs/ftpconn/ftptest/realserver"

	"github.com/hanwen/go-fuse/v2/posixtest"
)

// notPOSIX are the tests that no mount of these servers can pass, with what
// they lack.
var notPOSIX = map[string]string{
	"Link":                "FTP has no hard links",
	"LinkUnlinkRename":    "FTP has no hard links",
	"SymlinkReadlink":     "most servers have no SITE SYMLINK, and absolute targets are shown as paths inside the mount",
	"SetattrSymlink":      "most servers have no SITE SYMLINK, and none sets the time of a link",
	"OpenSymlinkRace":     "most servers have no SITE SYMLINK, and ProFTPD does not rename over a link",
	"XAttr":               "FTP has no extended attributes",
	"XAttrLarge":          "FTP has no extended attributes",
	"Fallocate":           "FTP reserves no space",
	"FallocateKeepSize":   "FTP reserves no space",
	"FcntlFlockLocksFile": "it fails on any file system: locks of one process do not exclude each other",
}

// TestPOSIX runs the tests that go-fuse has for file systems.
func TestPOSIX(t *testing.T) {
	all := []string{}
	for name := range posixtest.All {
		all = append(all, name)
	}
	slices.Sort(all)
	onServers(t, realserver.All, func(t *testing.T, p place) {
		for _, name := range all {
			t.Run(name, func(t *testing.T) {
				if reason := notPOSIX[name]; reason != "" {
					t.Skip(reason)
				}
				if name == "FileBasic" && !p.keepsModes() {
					t.Skip("the server has no SITE CHMOD, and it looks at the mode")
				}
				dir := filepath.Join(p.mnt, name)
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				posixtest.All[name](t, dir)
				// What it leaves is the same on both sides.
				sh(t, `diff -r "$1" "$2"; rm -r "$1"; [ ! -e "$2" ]`, dir, filepath.Join(p.disk, name))
			})
		}
	})
}
