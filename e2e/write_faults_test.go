package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ftpfs/ftpconn/ftptest"
	"ftpfs/ftpconn/ftptest/realserver"
)

// TestWriteFaults changes files while all that can go wrong on the way to the
// server does so at random. What succeeded must be there in the end; what
// failed must have taken effect wholly or not at all. FTPFS_WRITE_FAULTS=1000
// does more.
func TestWriteFaults(t *testing.T) {
	needMounts(t)
	for _, kind := range realserver.All {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			root := writableRoot(t)
			srv := realserver.Start(t, kind, realserver.Options{Root: root, Writable: true})
			proxy := ftptest.NewProxy(t, fmt.Sprintf("%s:%d", srv.Host, srv.Port))
			staging := filepath.Join(t.TempDir(), "staging")
			trace := filepath.Join(t.TempDir(), "trace")
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("trace:\n%s", tail(trace))
				}
			})
			mnt := mount(t, proxy.URL(srv.URL()+"w"), "--staging-dir", staging, "--timeout", "2s", "--trace", trace)
			s := seed(t)
			f := &faulty{t: t, proxy: proxy, rnd: rand.New(rand.NewPCG(s, 1)), mnt: mnt, disk: filepath.Join(root, "w"), may: map[string]map[string]bool{}}
			for i := range often(t, "FTPFS_WRITE_FAULTS", 40) {
				f.step(i)
			}
			t.Logf("%d faults struck, %d of %d calls failed", proxy.Struck(), f.failed, len(f.past))
			proxy.Heal()
			if err := proxy.Up(); err != nil {
				t.Fatal(err)
			}
			f.compare(staging)
		})
	}
}

const absent = "(absent)"

// faulty is a test of writing with faults.
type faulty struct {
	t         *testing.T
	proxy     *ftptest.Proxy
	rnd       *rand.Rand
	mnt, disk string
	past      []string
	failed    int                        // calls
	may       map[string]map[string]bool // what each file may hold
}

func (f *faulty) states(name string) map[string]bool {
	if f.may[name] == nil {
		f.may[name] = map[string]bool{absent: true}
	}
	return f.may[name]
}

// did notes what a call may have brought about: if it failed, the old states are
// possible too.
func (f *faulty) did(name string, err error, now map[string]bool) {
	if err != nil {
		f.failed++
		for s := range f.states(name) {
			now[s] = true
		}
	}
	f.may[name] = now
}

// fault is one thing that goes wrong next.
func (f *faulty) fault() ftptest.Fault {
	verb := []string{"", "STOR", "STOR", "STOR", "APPE", "RNFR", "RNTO", "RNTO", "DELE", "MLST", "SIZE", "EPSV"}[f.rnd.IntN(12)]
	fault := ftptest.Fault{Verb: verb, Skip: f.rnd.IntN(2), Reset: f.rnd.IntN(3) == 0}
	switch f.rnd.IntN(8) {
	case 0:
		fault.At, fault.Do = ftptest.AtCommand, ftptest.Cut
	case 1:
		fault.At, fault.Do = ftptest.AtFinal, ftptest.Cut
	case 2, 3:
		fault.At, fault.Do, fault.Bytes = ftptest.AtData, ftptest.CutData, f.rnd.Int64N(100_000)
	case 4:
		fault.At, fault.Do = ftptest.AtFinal, ftptest.Answer
		fault.Reply = []string{"426 Cut.\r\n", "451 Local error.\r\n", "452 No space.\r\n", "552 Quota.\r\n"}[f.rnd.IntN(4)]
	case 5:
		fault.At, fault.Do, fault.Reply = ftptest.AtCommand, ftptest.Answer, "421 Closing.\r\n"
	case 6:
		fault.At, fault.Do = ftptest.AtStart, ftptest.Cut
	default:
		fault.At, fault.Do = ftptest.AtFinal, ftptest.Lose
	}
	return fault
}

func (f *faulty) step(i int) {
	f.proxy.Heal()
	what := "nothing"
	if f.rnd.IntN(4) > 0 {
		fault := f.fault()
		f.proxy.Inject(fault)
		what = fmt.Sprintf("%+v", fault)
	}
	a, b := fmt.Sprint("f", f.rnd.IntN(4)), fmt.Sprint("f", f.rnd.IntN(4))
	var err error
	done := ""
	switch f.rnd.IntN(6) {
	case 0, 1, 2:
		text := f.text(i)
		done = "put " + a
		err = os.WriteFile(filepath.Join(f.mnt, a), []byte(text), 0o644)
		f.did(a, err, map[string]bool{text: true})
	case 3:
		text := f.text(i)
		done = "append " + a
		var file *os.File
		if file, err = os.OpenFile(filepath.Join(f.mnt, a), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644); err == nil {
			_, err = file.WriteString(text)
			if closed := file.Close(); err == nil {
				err = closed
			}
		}
		now := map[string]bool{}
		for s := range f.states(a) {
			now[strings.TrimPrefix(s, absent)+text] = true
		}
		f.did(a, err, now)
	case 4:
		done = "remove " + a
		err = os.Remove(filepath.Join(f.mnt, a))
		f.did(a, err, map[string]bool{absent: true})
	default:
		if a == b {
			return
		}
		done = "rename " + a + " " + b
		err = os.Rename(filepath.Join(f.mnt, a), filepath.Join(f.mnt, b))
		moved := map[string]bool{}
		for s := range f.states(a) {
			moved[s] = true // if it was absent, the rename would have failed
		}
		f.did(b, err, moved)
		f.did(a, err, map[string]bool{absent: true})
	}
	f.past = append(f.past, fmt.Sprintf("%s: %v, with %s", done, err, what))
}

// text is content that nothing else has, small or large.
func (f *faulty) text(i int) string {
	line := fmt.Sprintf("the content of step %d\n", i)
	return strings.Repeat(line, 1+f.rnd.IntN(3)*f.rnd.IntN(3000))
}

func (f *faulty) compare(staging string) {
	f.t.Helper()
	waits := true
	var left string
	for range 600 {
		left, waits = unsent(f.t, staging)
		if !waits {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if waits {
		f.t.Errorf("not on the server in the end: %s", left)
	}
	for name, may := range f.may {
		is := absent
		if data, err := os.ReadFile(filepath.Join(f.disk, name)); err == nil {
			is = string(data)
		}
		if !may[is] {
			var could []string
			for s := range may {
				could = append(could, shortly(s))
			}
			f.t.Errorf("%s is %s; it may be %q", name, shortly(is), could)
		}
	}
	if f.t.Failed() {
		f.t.Logf("what was done:\n%s", strings.Join(f.past, "\n"))
	}
}

func shortly(s string) string {
	first, _, _ := strings.Cut(s, "\n")
	return fmt.Sprintf("%s... (%d bytes)", first, len(s))
}

// unsent tells what still waits to be sent; what is in lost+found does not.
func unsent(t *testing.T, staging string) (left string, waits bool) {
	t.Helper()
	r := try(t, ftpfs, "pending", "--json", "--staging-dir", staging)
	var all []struct{ State string }
	if err := json.Unmarshal([]byte(r.out), &all); err != nil {
		t.Fatalf("%v: %s", err, r.out)
	}
	for _, p := range all {
		if p.State != "lost" {
			return r.out, true
		}
	}
	return "", false
}
