package ftptest

import (
	"path"
	"strings"
	"time"
)

// place returns the resolved path for a new name; ok is false after a 553 because
// there is no directory for it.
func (c *Session) place(arg string) (resolved string, ok bool) {
	target := c.Path(arg)
	dir, realDir, err := c.find(path.Dir(target))
	if err != nil || !dir.dir {
		c.Reply(553, "Could not create file.")
		return "", false
	}
	return path.Join(realDir, path.Base(target)), true
}

func doStor(c *Session, arg string) {
	if !c.ready() {
		return
	}
	rest := c.Rest
	c.Rest = 0
	name, ok := c.place(arg)
	if !ok {
		return
	}
	var before []byte
	if n, _, err := c.find(name); err == nil {
		if n.dir {
			c.Reply(553, "Could not create file.")
			return
		}
		if c.verb == "APPE" {
			rest = int64(len(n.data))
		}
		before = n.data[:min(rest, int64(len(n.data)))]
	}
	c.Receive(func(data []byte) error {
		c.WriteFile(name, append(before[:len(before):len(before)], data...), time.Now())
		return nil
	})
}

func doDele(c *Session, arg string) {
	if !c.ready() {
		return
	}
	name := c.Path(arg)
	n, resolved, err := c.find(name)
	if err != nil || n.dir {
		c.Reply(550, "Delete operation failed.")
		return
	}
	_ = resolved
	c.Remove(name)
	c.Reply(250, "Deleted.")
}

func doMkd(c *Session, arg string) {
	if !c.ready() {
		return
	}
	name, ok := c.place(arg)
	if !ok {
		return
	}
	if _, _, err := c.find(name); err == nil {
		c.Reply(550, "Create directory operation failed.")
		return
	}
	c.Mkdir(name)
	c.Reply(257, `"`+strings.ReplaceAll(name, `"`, `""`)+`" created`)
}

func doRmd(c *Session, arg string) {
	if !c.ready() {
		return
	}
	n, resolved, err := c.find(c.Path(arg))
	if err != nil || !n.dir || resolved == "/" || len(c.children(resolved)) > 0 {
		c.Reply(550, "Remove directory operation failed.")
		return
	}
	c.Remove(resolved)
	c.Reply(250, "Removed.")
}

func doRnfr(c *Session, arg string) {
	if !c.ready() {
		return
	}
	if _, _, err := c.find(c.Path(arg)); err != nil {
		c.Reply(550, "RNFR failed.")
		return
	}
	c.from = c.Path(arg)
	c.Reply(350, "Ready for RNTO.")
}

func doRnto(c *Session, arg string) {
	if !c.ready() {
		return
	}
	from := c.from
	c.from = ""
	if from == "" {
		c.Reply(503, "RNFR required first.")
		return
	}
	to, ok := c.place(arg)
	if !ok {
		return
	}
	if n, _, err := c.find(to); err == nil && (n.dir || c.config().keepTargets) {
		c.Reply(550, "Rename failed.")
		return
	}
	c.move(from, to)
	c.Reply(250, "Rename successful.")
}

// move gives a node and all below it a new path.
func (s *Script) move(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	moved := map[string]*node{}
	for p, n := range s.nodes {
		if p == from || strings.HasPrefix(p, from+"/") {
			moved[to+p[len(from):]] = n
			delete(s.nodes, p)
		}
	}
	for p, n := range moved {
		s.nodes[p] = n
	}
}

func doMfmt(c *Session, arg string) {
	if !c.ready() {
		return
	}
	stamp, name, _ := strings.Cut(arg, " ")
	mod, err := time.Parse(stampForm, stamp)
	n, resolved, errFind := c.find(c.Path(name))
	if err != nil || errFind != nil {
		c.Reply(550, "MFMT failed.")
		return
	}
	c.touch(resolved, n, mod)
	c.Reply(213, "Modify="+stamp+"; "+name)
}
