package ftptest

import (
	"path"
	"strings"
	"time"
)

// listArg takes the options from an argument of LIST or NLST.
func (c *Session) listArg(arg string) (rest string, all bool) {
	if !c.config().listOptions {
		return arg, false
	}
	for strings.HasPrefix(arg, "-") {
		option, after, _ := strings.Cut(arg, " ")
		all = all || strings.Contains(option, "a")
		arg = after
	}
	return arg, all
}

// listed returns what LIST or NLST shows for an argument; ok is false if there
// is nothing of that name.
func (c *Session) listed(arg string, all bool) (nodes []named, resolved string, ok bool) {
	set := c.config()
	target := c.Path(arg)
	if set.globs && strings.ContainsAny(arg, "*?[") {
		resolved = path.Dir(target)
		for _, n := range c.children(resolved) {
			if match, err := path.Match(path.Base(target), n.name); err == nil && match {
				nodes = append(nodes, n)
			}
		}
		return nodes, resolved, true
	}
	n, resolved, err := c.find(target)
	if err != nil {
		return nil, resolved, false
	}
	if !n.dir {
		return []named{{n, arg}}, resolved, true
	}
	for _, n := range c.children(resolved) {
		if set.hideDots && !all && strings.HasPrefix(n.name, ".") {
			continue
		}
		nodes = append(nodes, n)
	}
	return nodes, resolved, true
}

func doList(c *Session, arg string) {
	if !c.ready() {
		return
	}
	arg, all := c.listArg(arg)
	nodes, resolved, ok := c.listed(arg, all)
	if !ok {
		c.Reply(550, "No such file or directory.")
		return
	}
	if raw, ok := c.listing(c.verb, resolved); ok {
		c.Send(raw)
		return
	}
	var b strings.Builder
	for _, n := range nodes {
		if c.verb == "NLST" {
			b.WriteString(n.name + "\r\n")
			continue
		}
		b.WriteString(unixLine(n, time.Now(), c.config().location))
	}
	c.Send([]byte(c.ends(b.String())))
}

func doMlsd(c *Session, arg string) {
	if !c.ready() {
		return
	}
	dir, resolved, err := c.find(c.Path(arg))
	if err != nil || !dir.dir {
		c.Reply(550, "No such directory.")
		return
	}
	if raw, ok := c.listing("MLSD", resolved); ok {
		c.Send(raw)
		return
	}
	var b strings.Builder
	b.WriteString(factsLine(dir, "cdir", "."))
	if parent, _, err := c.find(path.Dir(resolved)); err == nil && resolved != "/" {
		b.WriteString(factsLine(parent, "pdir", ".."))
	}
	for _, n := range c.children(resolved) {
		b.WriteString(factsLine(n.node, "", n.name))
	}
	c.Send([]byte(c.ends(b.String())))
}

func doMlst(c *Session, arg string) {
	if !c.ready() {
		return
	}
	n, _, err := c.find(c.Path(arg))
	if err != nil {
		c.Reply(550, "No such file or directory.")
		return
	}
	c.Raw(c.ends("250-Listing " + arg + "\r\n " + factsLine(n, "", c.Path(arg)) + "250 End\r\n"))
}

func doStat(c *Session, arg string) {
	if !c.ready() {
		return
	}
	if arg == "" {
		c.Reply(211, "FTP server status:\n All is well.\nEnd of status")
		return
	}
	arg, all := c.listArg(arg)
	nodes, resolved, _ := c.listed(arg, all)
	var b strings.Builder
	if raw, ok := c.listing("STAT", resolved); ok {
		b.Write(raw)
	} else {
		for _, n := range nodes {
			b.WriteString(c.ends(unixLine(n, time.Now(), c.config().location)))
		}
	}
	c.Raw(c.ends("213-Status follows:\r\n") + b.String() + c.ends("213 End of status\r\n"))
}
