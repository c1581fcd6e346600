package ftptest

import (
	"fmt"
	"strings"
	"sync"
)

// Command is one command line as a client sent it, without the line end.
type Command struct {
	Conn int    // number of the control connection, from 1 in order of arrival
	Verb string // in capitals
	Arg  string // what followed the verb and one space; a password is "***"
}

// String returns the line after the number of its connection: "2 RETR /a".
func (c Command) String() string {
	if c.Arg == "" {
		return fmt.Sprintf("%d %s", c.Conn, c.Verb)
	}
	return fmt.Sprintf("%d %s %s", c.Conn, c.Verb, c.Arg)
}

// Log records what clients did. It is embedded in Server, Script and Proxy, so
// that "a second ls asks the server nothing" is an assertion on any of them.
// The zero value is ready for use, by several goroutines.
type Log struct {
	mu       sync.Mutex
	commands []Command
	turns    int
	accepted int
	open     int
	most     int
}

// Commands returns every command line received since the last reset, each
// after the number of its connection, in order of arrival: "1 USER ftp".
func (l *Log) Commands() []string {
	all := l.Recorded()
	lines := make([]string, len(all))
	for i, c := range all {
		lines[i] = c.String()
	}
	return lines
}

// Recorded returns the same commands as Commands, taken apart.
func (l *Log) Recorded() []Command {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Command(nil), l.commands...)
}

// Count returns how often a command with one of the verbs was received since
// the last reset. Without a verb it counts all commands.
func (l *Log) Count(verbs ...string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(verbs) == 0 {
		return len(l.commands)
	}
	n := 0
	for _, c := range l.commands {
		for _, v := range verbs {
			if strings.EqualFold(c.Verb, v) {
				n++
			}
		}
	}
	return n
}

// Turns returns how many bursts of commands clients sent since the last reset,
// over all control connections. A burst ends where the client read something
// from the server before it wrote again, so the number of turns is the number
// of round trips that the control conversation cost. Without added latency a
// reply may overtake the second of two pipelined writes, and the number is
// then an upper bound; over a long link it is exact.
func (l *Log) Turns() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.turns
}

// ResetCommands forgets the recorded commands and turns. Connection numbers
// go on.
func (l *Log) ResetCommands() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commands, l.turns = nil, 0
}

// Connections returns the number of control connections that are open now and
// the most that were ever open at once. Refused ones do not count.
func (l *Log) Connections() (now, most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open, l.most
}

// Accepted returns how many control connections were accepted so far.
func (l *Log) Accepted() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.accepted
}

// admit counts a new control connection unless limit (0 = none) are open. It
// returns the connection's number.
func (l *Log) admit(limit int) (conn int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if limit > 0 && l.open >= limit {
		return 0, false
	}
	l.accepted++
	l.open++
	l.most = max(l.most, l.open)
	return l.accepted, true
}

// leave counts a control connection as gone.
func (l *Log) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
}

// turn counts one burst.
func (l *Log) turn() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turns++
}

// record adds a command line, with secrets masked, and returns it taken apart
// and unmasked.
func (l *Log) record(conn int, line string) Command {
	c := parseCommand(conn, line)
	masked := c
	if (c.Verb == "PASS" || c.Verb == "ACCT") && c.Arg != "" {
		masked.Arg = "***"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commands = append(l.commands, masked)
	return c
}

// parseCommand takes a command line apart. Telnet's IAC and what belongs to it
// may stand before ABOR (RFC 959 4.1.3); it is no part of the verb.
func parseCommand(conn int, line string) Command {
	verb, arg, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
	verb = strings.TrimLeft(verb, "\xff\xf2\xf4") //nolint:staticcheck // Telnet bytes, no text
	return Command{Conn: conn, Verb: strings.ToUpper(verb), Arg: arg}
}
