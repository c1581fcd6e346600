package ftptest

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

// sites are the commands of SITE. A test disables them as "SITE CHMOD".
var sites map[string]Handler

func init() {
	sites = map[string]Handler{
		"CHMOD": siteChmod, "UTIME": siteUtime, "SYMLINK": siteSymlink,
		"CPFR": siteCpfr, "CPTO": siteCpto, "HELP": siteHelp,
	}
}

func doSite(c *Session, arg string) {
	if !c.ready() {
		return
	}
	name, rest, _ := strings.Cut(arg, " ")
	name = strings.ToUpper(name)
	h := sites[name]
	c.Script.mu.Lock()
	off := c.disabled["SITE "+name]
	c.Script.mu.Unlock()
	if h == nil || off {
		c.Reply(500, "SITE "+name+" is not known.")
		return
	}
	h(c, rest)
}

func siteHelp(c *Session, _ string) {
	var b strings.Builder
	for name := range sites {
		b.WriteString(" " + name + "\n")
	}
	c.Reply(214, "These are known:\n"+b.String()+"That is all.")
}

func siteChmod(c *Session, arg string) {
	mode, name, _ := strings.Cut(arg, " ")
	bits, err := strconv.ParseUint(mode, 8, 16)
	n, resolved, errFind := c.find(c.Path(name))
	if err != nil || errFind != nil {
		c.Reply(550, "SITE CHMOD failed.")
		return
	}
	c.change(resolved, n, func(n *node) { n.mode = fs.FileMode(bits) & fs.ModePerm })
	c.Reply(200, "SITE CHMOD done.")
}

// siteUtime knows "time path" and "path atime mtime ctime UTC".
func siteUtime(c *Session, arg string) {
	stamp, name, _ := strings.Cut(arg, " ")
	if rest, ok := strings.CutSuffix(arg, " UTC"); ok {
		f := strings.Split(rest, " ")
		if len(f) < 4 {
			c.Reply(501, "SITE UTIME path atime mtime ctime UTC")
			return
		}
		stamp, name = f[len(f)-2], strings.Join(f[:len(f)-3], " ")
	}
	mod, err := time.Parse(stampForm, stamp)
	n, resolved, errFind := c.find(c.Path(name))
	if err != nil || errFind != nil {
		c.Reply(550, "SITE UTIME failed.")
		return
	}
	c.touch(resolved, n, mod)
	c.Reply(200, "SITE UTIME done.")
}

func siteSymlink(c *Session, arg string) {
	target, name, two := strings.Cut(arg, " ")
	if !two || strings.Contains(name, " ") {
		c.Reply(501, "SITE SYMLINK target name")
		return
	}
	place, ok := c.place(name)
	if !ok {
		return
	}
	if _, _, err := c.find(place); err == nil {
		c.Reply(550, "It exists.")
		return
	}
	c.Symlink(place, target)
	c.Reply(200, "SITE SYMLINK done.")
}

func siteCpfr(c *Session, arg string) {
	n, _, err := c.find(c.Path(arg))
	if err != nil || n.dir {
		c.Reply(550, "SITE CPFR failed.")
		return
	}
	c.copyFrom = n
	c.Reply(350, "Go on with SITE CPTO.")
}

func siteCpto(c *Session, arg string) {
	from := c.copyFrom
	c.copyFrom = nil
	if from == nil {
		c.Reply(503, "SITE CPFR comes first.")
		return
	}
	name, ok := c.place(arg)
	if !ok {
		return
	}
	c.WriteFile(name, from.data, time.Now())
	c.Reply(250, "Copied.")
}

func doAvbl(c *Session, arg string) {
	if !c.ready() {
		return
	}
	n, _, err := c.find(c.Path(arg))
	free := c.config().space
	switch {
	case free < 0:
		c.Reply(500, "Unknown command.")
	case err != nil || !n.dir:
		c.Reply(550, "No such directory.")
	default:
		c.Reply(213, strconv.FormatInt(free, 10))
	}
}

const stampForm = "20060102150405"

// setMdtm is MDTM with a time before the path; ok is false if it is the plain
// command.
func setMdtm(c *Session, arg string) (ok bool) {
	stamp, name, two := strings.Cut(arg, " ")
	mod, err := time.Parse(stampForm, stamp)
	if !two || err != nil || !c.config().setByMDTM {
		return false
	}
	n, resolved, err := c.find(c.Path(name))
	if err != nil || n.dir {
		c.Reply(550, "Could not set file modification time.")
		return true
	}
	c.touch(resolved, n, mod)
	c.Reply(213, "File modification time set.")
	return true
}

// change replaces a node by a changed copy.
func (s *Script) change(name string, n *node, f func(*node)) {
	changed := *n
	f(&changed)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes[name] = &changed
}

func (s *Script) touch(name string, n *node, mod time.Time) {
	s.change(name, n, func(n *node) { n.mod = mod })
}

// Stat returns the modification time and the permission bits of an object.
func (s *Script) Stat(name string) (time.Time, fs.FileMode, error) {
	n, _, err := s.find(name)
	if err != nil {
		return time.Time{}, 0, fmt.Errorf("stat %s: %w", path.Base(name), err)
	}
	return n.mod, n.mode, nil
}

// Space makes the server know AVBL and answer with this many bytes.
func (s *Script) Space(free int64) { s.configure(func(c *settings) { c.space = free }) }

// SetByMDTM says whether MDTM sets a time that stands before the path.
func (s *Script) SetByMDTM(on bool) { s.configure(func(c *settings) { c.setByMDTM = on }) }

// KeepTargets makes RNTO refuse a name that exists, instead of replacing a
// file.
func (s *Script) KeepTargets(on bool) { s.configure(func(c *settings) { c.keepTargets = on }) }

// Drop closes the control connection at the next command with this verb: after
// it was executed, but before a word of reply, or instead of that.
func (s *Script) Drop(verb string, executed bool) {
	s.Next(verb, func(c *Session, arg string) {
		if executed {
			c.mute.Store(true)
			c.Default(verb, arg)
		}
		c.Close()
	})
}

// Silence makes the server say nothing any more on the connection of the next
// command with this verb, which it executes first, or not at all.
func (s *Script) Silence(verb string, executed bool) {
	s.Next(verb, func(c *Session, arg string) {
		c.mute.Store(true)
		if executed {
			c.Default(verb, arg)
		}
	})
}
