package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ftpfs/ftpconn/ftptest"
	"ftpfs/ftpconn/ftptest/realserver"
)

// fault is something that goes wrong while a program works on the mount.
type fault struct {
	name string
	// inject makes it strike at commands with the verbs that the program is
	// about to cause.
	inject func(p *ftptest.Proxy, verbs []string)
}

// at is a Fault at the first command with each of the verbs.
func at(name string, f ftptest.Fault) fault {
	return fault{name, func(p *ftptest.Proxy, verbs []string) {
		for _, f.Verb = range verbs {
			p.Inject(f)
		}
	}}
}

// answer is at with a reply instead of what the server would say.
func answer(when ftptest.Point, reply string) fault {
	where := map[ftptest.Point]string{ftptest.AtCommand: "", ftptest.AtFinal: " instead of the final reply"}[when]
	return at(reply[:3]+where, ftptest.Fault{At: when, Do: ftptest.Answer, Reply: reply + "\r\n"})
}

// on is a Fault of commands that no program asks for by itself.
func on(name string, f ftptest.Fault) fault {
	return fault{name, func(p *ftptest.Proxy, _ []string) { p.Inject(f) }}
}

// outage makes the server leave when a command comes, and return later.
func outage(name string, leave, back func(*ftptest.Proxy)) fault {
	return fault{name, func(p *ftptest.Proxy, verbs []string) {
		p.Inject(ftptest.Fault{Verb: verbs[0], Call: func() {
			time.AfterFunc(time.Second, func() { back(p) })
			go leave(p) // it cuts the connection of the caller
		}})
	}}
}

func upAgain(p *ftptest.Proxy) { _ = p.Up() } // a port that is taken fails the case

// faults are those of the matrix.
var faults = []fault{
	at("data cut (FIN) before the first byte", ftptest.Fault{At: ftptest.AtData, Do: ftptest.CutData}),
	at("data cut (FIN) after 1 byte", ftptest.Fault{At: ftptest.AtData, Bytes: 1, Do: ftptest.CutData}),
	at("data cut (FIN) after 700 bytes", ftptest.Fault{At: ftptest.AtData, Bytes: 700, Do: ftptest.CutData}),
	at("data cut (RST) after 700 bytes", ftptest.Fault{At: ftptest.AtData, Bytes: 700, Do: ftptest.CutData, Reset: true}),
	at("data cut (RST) after 700 bytes, always", ftptest.Fault{At: ftptest.AtData, Bytes: 700, Do: ftptest.CutData, Reset: true, Times: ftptest.Always}),
	at("data stalls after 700 bytes", ftptest.Fault{At: ftptest.AtData, Bytes: 700, Do: ftptest.Stall}),
	at("data waits a second after 700 bytes", ftptest.Fault{At: ftptest.AtData, Bytes: 700, Do: ftptest.Delay, For: time.Second}),
	{"data drips, a byte a millisecond", func(p *ftptest.Proxy, verbs []string) {
		f := ftptest.Fault{At: ftptest.AtData, Bytes: 50, Do: ftptest.Drip, For: time.Millisecond}
		for _, f.Verb = range verbs {
			if f.Verb == "RETR" {
				f.Bytes = 699_000 // the end of the file that cat reads: it would take for ever
			}
			p.Inject(f)
		}
	}},
	at("control cut before the command", ftptest.Fault{Do: ftptest.Cut}),
	at("control cut (RST) instead of 150", ftptest.Fault{At: ftptest.AtStart, Do: ftptest.Cut, Reset: true}),
	at("all cut after 700 bytes", ftptest.Fault{At: ftptest.AtData, Bytes: 700, Do: ftptest.Cut}),
	at("control cut instead of the final reply", ftptest.Fault{At: ftptest.AtFinal, Do: ftptest.Cut}),
	at("control cut instead of the final reply, always", ftptest.Fault{At: ftptest.AtFinal, Do: ftptest.Cut, Times: ftptest.Always}),
	at("command lost", ftptest.Fault{Do: ftptest.Lose}),
	at("150 lost", ftptest.Fault{At: ftptest.AtStart, Do: ftptest.Lose}),
	at("final reply lost", ftptest.Fault{At: ftptest.AtFinal, Do: ftptest.Lose}),
	at("final reply a second late", ftptest.Fault{At: ftptest.AtFinal, Do: ftptest.Delay, For: time.Second}),
	at("control stalls at the command", ftptest.Fault{Do: ftptest.Stall}),
	answer(ftptest.AtCommand, "421 Going down."),
	answer(ftptest.AtCommand, "425 No data connection."),
	answer(ftptest.AtCommand, "426 Failure."),
	answer(ftptest.AtCommand, "450 Busy."),
	answer(ftptest.AtCommand, "451 Local error."),
	answer(ftptest.AtCommand, "452 Disk full."),
	answer(ftptest.AtCommand, "530 Not logged in."),
	answer(ftptest.AtCommand, "550 No."),
	answer(ftptest.AtCommand, "552 Quota."),
	answer(ftptest.AtCommand, "999 Nonsense."),
	at("550, always", ftptest.Fault{Do: ftptest.Answer, Reply: "550 No.\r\n", Times: ftptest.Always}),
	at("451, always", ftptest.Fault{Do: ftptest.Answer, Reply: "451 Local error.\r\n", Times: ftptest.Always}),
	answer(ftptest.AtFinal, "421 Going down."),
	answer(ftptest.AtFinal, "426 Failure."),
	answer(ftptest.AtFinal, "451 Local error."),
	at("451 instead of the final reply, always", ftptest.Fault{At: ftptest.AtFinal, Do: ftptest.Answer, Reply: "451 Local error.\r\n", Times: ftptest.Always}),
	on("EPSV names a dead port", ftptest.Fault{Verb: "EPSV", Do: ftptest.Answer, Reply: "229 Passive (|||1|)\r\n"}),
	on("EPSV: 425", ftptest.Fault{Verb: "EPSV", Do: ftptest.Answer, Reply: "425 No port.\r\n"}),
	on("CWD: 421", ftptest.Fault{Verb: "CWD", Do: ftptest.Answer, Reply: "421 Idle for too long.\r\n"}),
	{"421 to all who are idle", func(p *ftptest.Proxy, _ []string) {
		p.Inject(ftptest.Fault{Times: 3, Do: ftptest.Answer, Reply: "421 Idle for too long.\r\n"})
	}},
	{"no second connection (530)", func(p *ftptest.Proxy, _ []string) {
		p.Inject(ftptest.Fault{Verb: "PASS", Times: ftptest.Always, Do: ftptest.Answer, Reply: "530 Sorry, the maximum number of clients is already connected.\r\n"})
	}},
	{"all cut, no login for a second (421)", func(p *ftptest.Proxy, _ []string) {
		p.Inject(ftptest.Fault{Verb: ftptest.Greeting, Times: ftptest.Always, At: ftptest.AtFinal, Do: ftptest.Answer, Reply: "421 Come back later.\r\n"})
		p.CloseConnections()
		time.AfterFunc(time.Second, p.Heal)
	}},
	outage("server restarts", (*ftptest.Proxy).Down, upAgain),
	outage("line dead for a second", (*ftptest.Proxy).Freeze, (*ftptest.Proxy).Thaw),
	{"server gone", func(p *ftptest.Proxy, _ []string) { p.Down() }},
	{"line dead", func(p *ftptest.Proxy, _ []string) { p.Freeze() }},
}

// TestFaults: whatever goes wrong between ftpfs and a server, programs see what
// is on the server, or an error; nothing hangs, and all works when the fault is
// gone. FTPFS_FAULTS=all runs the whole matrix of servers, faults and programs,
// otherwise each fault meets one or two of them.
func TestFaults(t *testing.T) {
	needMounts(t)
	root := newFaultRoot(t)
	all := os.Getenv("FTPFS_FAULTS") == "all"
	results := newOutcomes()
	t.Run("servers", func(t *testing.T) {
		for s, kind := range realserver.All {
			srv := realserver.Start(t, kind, realserver.Options{Root: root, QuickLogin: true})
			for f, fault := range faults {
				for o, op := range operations {
					if !all && !inSample(f, s, o) {
						continue
					}
					t.Run(fmt.Sprintf("%s/%s/%s", kind, fault.name, op.name), func(t *testing.T) {
						t.Parallel()
						results.add(fault.name, op.name, faultCase(t, srv, root, fault, op))
					})
				}
			}
		}
	})
	if file := os.Getenv("FTPFS_FAULTS_TABLE"); file != "" && !t.Failed() {
		results.write(t, file)
	}
}

// inSample says whether fault f meets server s and operation o if the whole
// matrix is not run.
func inSample(f, s, o int) bool {
	n := len(realserver.All)
	return f%n == s && f/n%len(operations) == o || f%2 == 0 && (f+2)%n == s && (f/n+2)%len(operations) == o
}

// faultCase runs one operation under one fault, and once more without it. It
// returns how the first run ended.
func faultCase(t *testing.T, srv *realserver.Server, root string, f fault, op operation) outcome {
	proxy := ftptest.NewProxy(t, fmt.Sprintf("%s:%d", srv.Host, srv.Port))
	mnt := mount(t, proxy.URL(srv.URL()), "--timeout", "2s", "--connections", "3", "--list-ttl", "1s")
	pid := serving(mnt)
	f.inject(proxy, op.verbs)
	got := op.run(t, root, mnt)
	struck := proxy.Struck() > 0 || strings.Contains(f.name, "server gone") || strings.Contains(f.name, "line dead")
	if err := proxy.Up(); err != nil {
		t.Fatal(err)
	}
	proxy.Heal()
	time.Sleep(100 * time.Millisecond)
	healed := got
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		if healed = op.run(t, root, mnt); healed == right {
			break
		}
	}
	if healed != right {
		t.Errorf("it does not work again: %s", healed)
	}
	if fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err != nil || len(fds) > 60 {
		t.Errorf("%d file descriptors, %v", len(fds), err)
	}
	if !struck {
		return untouched
	}
	return got
}

// newFaultRoot makes a small tree.
func newFaultRoot(t *testing.T) string {
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
		if err := os.Chtimes(full, modTime, modTime); err != nil {
			t.Fatal(err)
		}
	}
	put("big", noise(3<<20+17))
	put("medium", noise(700_001))
	for i := range 40 {
		put(fmt.Sprintf("dir/a-file-with-a-name-%d", i), noise(i*37))
	}
	for i := range 12 {
		put(fmt.Sprintf("copy/f%d", i), noise(900+i*1100))
	}
	for d := range 3 {
		for s := range 3 {
			for f := range 12 {
				put(fmt.Sprintf("tree/d%d/s%d/some-file-%d", d, s, f), noise(f))
			}
		}
	}
	return root
}
