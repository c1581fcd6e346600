package e2e

import (
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"ftpfs/ftpconn/ftptest"
)

// TestWritingToOddServers does random things to servers that lack something. New
// mounts show what they have then. FTPFS_ODD=all takes more of them.
func TestWritingToOddServers(t *testing.T) {
	needMounts(t)
	for name, bend := range map[string]func(*ftptest.Script){
		"none":      func(*ftptest.Script) {},
		"APPE":      func(s *ftptest.Script) { s.Disable("APPE") },
		"MLSD":      func(s *ftptest.Script) { s.Disable("MLSD", "MLST") },
		"SIZE":      func(s *ftptest.Script) { s.Disable("MLSD", "MLST", "SIZE") },
		"MDTM":      func(s *ftptest.Script) { s.Disable("MLSD", "MLST", "MDTM", "MFMT", "SIZE") },
		"MFMT":      func(s *ftptest.Script) { s.Disable("MFMT", "REST") },
		"EPSV":      func(s *ftptest.Script) { s.Disable("EPSV", "FEAT") },
		"overwrite": refuseOverwrite,
		"rename":    refuseRename,
		"dots":      refuseDots,
		"hidden":    func(s *ftptest.Script) { s.Disable("MLSD", "MLST"); s.HideDots(true); s.ListOptions(false) },
	} {
		usual := name == "APPE" || name == "overwrite" || name == "rename" || name == "dots"
		if !usual && os.Getenv("FTPFS_ODD") != "all" {
			continue
		}
		t.Run("without "+name, func(t *testing.T) {
			t.Parallel()
			srv := ftptest.NewScript(t)
			bend(srv)
			p := place{url: srv.URL(), staging: stagingDir(t)}
			p.mnt = mount(t, p.url, "--staging-dir", p.staging)
			p.disk = mountDir(t)
			t.Cleanup(func() { _ = tryAfter("umount", "-l", p.disk) }) // where the model gave up
			if name != "rename" {                                      // the model needs them
				runModel(t, p, 40, func() {
					if isMounted(t, p.disk) {
						must(t, ftpfs, "umount", p.disk)
					}
					must(t, ftpfs, "mount", "-o", "ro", p.url, p.disk)
				})
				must(t, ftpfs, "umount", p.disk)
			}
			x := &exerciser{
				t: t, rnd: rand.New(rand.NewPCG(seed(t), 0)), name: filepath.Join(p.mnt, "file"), disk: filepath.Join(p.disk, "file"),
				mapped: true, limit: 100 << 10, unseen: true,
			}
			x.run(often(t, "FTPFS_EXERCISE", 100))
			settled(t, p.staging)
			if got, err := srv.ReadFile("/file"); err != nil || string(got) != string(x.want) {
				t.Errorf("on the server: %d bytes, %v, want %d", len(got), err, len(x.want))
			}
		})
	}
}

// refuseOverwrite makes a server refuse RNTO onto what exists.
func refuseOverwrite(s *ftptest.Script) {
	s.Handle("RNTO", func(c *ftptest.Session, arg string) {
		if _, err := s.ReadFile(c.Path(arg)); err == nil {
			c.Reply(553, "File exists.")
			return
		}
		c.Default("RNTO", arg)
	})
}

// refuseRename makes a server refuse all renames.
func refuseRename(s *ftptest.Script) {
	s.Disable("RNTO")
	s.Reply("RNFR", "502 Not implemented.\r\n")
}

// refuseDots makes a server refuse to store names that begin with a dot.
func refuseDots(s *ftptest.Script) {
	s.Handle("STOR", func(c *ftptest.Session, arg string) {
		if strings.HasPrefix(path.Base(arg), ".") {
			c.Reply(553, "Prohibited file name.")
			return
		}
		c.Default("STOR", arg)
	})
}
