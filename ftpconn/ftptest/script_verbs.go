package ftptest

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// builtin is what a Script does by itself, by verb.
var builtin map[string]Handler

func init() {
	builtin = map[string]Handler{
		"USER": doUser, "PASS": doPass, "ACCT": doAcct, "QUIT": doQuit, "REIN": doRein,
		"SYST": func(c *Session, _ string) { c.Reply(215, "UNIX Type: L8") },
		"NOOP": func(c *Session, _ string) { c.Reply(200, "OK") },
		"FEAT": doFeat, "OPTS": doOpts, "TYPE": doType,
		"MODE": fixed("S"), "STRU": fixed("F"),
		"PWD": doPwd, "CWD": doCwd, "CDUP": func(c *Session, _ string) { doCwd(c, "..") },
		"EPSV": doEpsv, "PASV": doPasv, "EPRT": doEprt, "PORT": doPort,
		"ABOR": func(c *Session, _ string) { c.Reply(226, "ABOR done.") },
		"REST": doRest, "RETR": doRetr, "SIZE": doSize, "MDTM": doMdtm,
		"LIST": doList, "NLST": doList, "MLSD": doMlsd, "MLST": doMlst, "STAT": doStat,
		"STOR": doStor, "APPE": doStor, "DELE": doDele, "MKD": doMkd, "RMD": doRmd,
		"RNFR": doRnfr, "RNTO": doRnto, "MFMT": doMfmt, "SITE": doSite, "AVBL": doAvbl,
	}
}

func doUser(c *Session, arg string) {
	c.user, c.loggedIn = arg, false
	c.Reply(331, "Password please.")
}

func doPass(c *Session, arg string) {
	set := c.config()
	right := c.user == "anonymous" || c.user == "ftp"
	if set.user != "" {
		right = c.user == set.user && arg == set.password
	}
	switch {
	case !right:
		c.Reply(530, "Login incorrect.")
	case set.account != "":
		c.Reply(332, "Account please.")
	default:
		c.loggedIn = true
		c.Reply(230, "Logged in.")
	}
}

func doAcct(c *Session, arg string) {
	if arg != c.config().account {
		c.Reply(530, "Account incorrect.")
		return
	}
	c.loggedIn = true
	c.Reply(230, "Logged in.")
}

func doRein(c *Session, _ string) {
	c.user, c.loggedIn, c.Dir, c.Binary, c.Rest = "", false, "/", false, 0
	c.Reply(220, "Next user please.")
}

func doQuit(c *Session, _ string) {
	c.Reply(221, "Goodbye.")
	c.Close()
}

func doFeat(c *Session, _ string) {
	lines := c.featureLines()
	if len(lines) == 0 {
		c.Reply(211, "No features.")
		return
	}
	var b strings.Builder
	b.WriteString("211-Features:\r\n")
	for _, l := range lines {
		b.WriteString(" " + l + "\r\n")
	}
	b.WriteString("211 End\r\n")
	c.Raw(c.ends(b.String()))
}

func doOpts(c *Session, arg string) {
	option, _, _ := strings.Cut(strings.ToUpper(arg), " ")
	switch option {
	case "UTF8":
		c.Reply(200, "UTF8 is on.")
	case "MLST":
		c.Reply(200, "MLST OPTS type;size;modify;unique;UNIX.mode;")
	default:
		c.Reply(501, "Option not understood.")
	}
}

func doType(c *Session, arg string) {
	switch strings.ToUpper(arg) {
	case "I", "L 8":
		c.Binary = true
	case "A", "A N":
		c.Binary = false
	default:
		c.Reply(504, "No such type.")
		return
	}
	c.Reply(200, "Type set.")
}

// fixed accepts one value of MODE or STRU.
func fixed(value string) Handler {
	return func(c *Session, arg string) {
		if !strings.EqualFold(arg, value) {
			c.Reply(504, "Not implemented.")
			return
		}
		c.Reply(200, "OK")
	}
}

// ready refuses a command before login.
func (c *Session) ready() bool {
	if !c.loggedIn {
		c.Reply(530, "Please log in.")
	}
	return c.loggedIn
}

func doPwd(c *Session, _ string) {
	if c.ready() {
		c.Reply(257, `"`+strings.ReplaceAll(c.Dir, `"`, `""`)+`" is the current directory`)
	}
}

func doCwd(c *Session, arg string) {
	if !c.ready() {
		return
	}
	n, resolved, err := c.find(c.Path(arg))
	if err != nil || !n.dir {
		c.Reply(550, "Failed to change directory.")
		return
	}
	c.Dir = resolved
	c.Reply(250, "Directory changed.")
}

func doEpsv(c *Session, arg string) {
	if !c.ready() {
		return
	}
	if strings.EqualFold(arg, "ALL") {
		c.Reply(200, "EPSV ALL ok.")
		return
	}
	c.Reply(229, fmt.Sprintf("Entering Extended Passive Mode (|||%d|)", c.listen()))
}

func doPasv(c *Session, _ string) {
	if !c.ready() {
		return
	}
	local, _ := c.conn.LocalAddr().(*net.TCPAddr)
	host := c.config().passiveHost
	if host == "" && local != nil && local.IP.To4() != nil {
		host = local.IP.String()
	}
	if host == "" {
		c.Reply(425, "PASV is for IPv4 only, use EPSV.")
		return
	}
	port := c.listen()
	c.Reply(227, fmt.Sprintf("Entering Passive Mode (%s,%d,%d).", strings.ReplaceAll(host, ".", ","), port>>8, port&255))
}

func doEprt(c *Session, arg string) {
	if !c.ready() {
		return
	}
	f := strings.Split(arg, "|")
	if len(f) != 5 || net.ParseIP(f[2]) == nil {
		c.Reply(501, "Bad EPRT.")
		return
	}
	c.prepareActive(net.JoinHostPort(f[2], f[3]))
}

func doPort(c *Session, arg string) {
	if !c.ready() {
		return
	}
	addr, ok := parsePort(arg)
	if !ok {
		c.Reply(501, "Bad PORT.")
		return
	}
	c.prepareActive(addr)
}

func (c *Session) prepareActive(addr string) {
	c.closeData()
	c.mu.Lock()
	c.active = addr
	c.mu.Unlock()
	c.Reply(200, "PORT ok.")
}

// parsePort understands the argument of PORT (RFC 959 4.1.2).
func parsePort(arg string) (addr string, ok bool) {
	f := strings.Split(arg, ",")
	if len(f) != 6 {
		return "", false
	}
	var n [6]int
	for i := range f {
		v, err := strconv.ParseUint(strings.TrimSpace(f[i]), 10, 8)
		if err != nil {
			return "", false
		}
		n[i] = int(v)
	}
	return fmt.Sprintf("%d.%d.%d.%d:%d", n[0], n[1], n[2], n[3], n[4]<<8|n[5]), true
}

func doRest(c *Session, arg string) {
	n, err := strconv.ParseInt(arg, 10, 64)
	if !c.ready() {
		return
	}
	if err != nil || n < 0 {
		c.Reply(501, "Bad offset.")
		return
	}
	c.Rest = n
	c.Reply(350, "Restarting at "+arg+".")
}

func doRetr(c *Session, arg string) {
	if !c.ready() {
		return
	}
	n, _, err := c.find(c.Path(arg))
	if err != nil || n.dir {
		c.Rest = 0
		c.Reply(550, "Failed to open file.")
		return
	}
	data := n.data
	if !c.Binary {
		// What a Unix server does in ASCII type: whoever forgets TYPE I finds out.
		data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	}
	c.Send(data)
}

func doSize(c *Session, arg string) {
	if !c.ready() {
		return
	}
	n, _, err := c.find(c.Path(arg))
	switch {
	case err != nil || n.dir:
		c.Reply(550, "Could not get file size.")
	case !c.Binary:
		c.Reply(550, "SIZE not allowed in ASCII mode.")
	default:
		c.Reply(213, strconv.Itoa(len(n.data)))
	}
}

func doMdtm(c *Session, arg string) {
	if !c.ready() || setMdtm(c, arg) {
		return
	}
	n, _, err := c.find(c.Path(arg))
	if err != nil || n.dir {
		c.Reply(550, "Could not get file modification time.")
		return
	}
	c.Reply(213, n.mod.UTC().Format("20060102150405"))
}
