package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"ftpfs/ftpconn/ftptest"
	"ftpfs/ftpconn/ftptest/realserver"
)

// TestSoak: programs at random, faults at random, for FTPFS_SOAK (such as 10m;
// some seconds without it). What they show is right or an error all the time,
// and memory and file descriptors stay within bounds.
func TestSoak(t *testing.T) {
	needMounts(t)
	lasts := 4 * time.Second
	if s := os.Getenv("FTPFS_SOAK"); s != "" {
		var err error
		if lasts, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	root := newFaultRoot(t)
	for i, kind := range realserver.All {
		if lasts < time.Minute && i > 0 {
			break
		}
		t.Run(string(kind), func(t *testing.T) {
			srv := realserver.Start(t, kind, realserver.Options{Root: root, QuickLogin: true})
			soak(t, srv, root, lasts/time.Duration(len(realserver.All)), rand.New(rand.NewPCG(seed, uint64(i))))
		})
	}
}

func soak(t *testing.T, srv *realserver.Server, root string, lasts time.Duration, random *rand.Rand) {
	proxy := ftptest.NewProxy(t, fmt.Sprintf("%s:%d", srv.Host, srv.Port))
	mnt := mount(t, proxy.URL(srv.URL()), "--timeout", "1s", "--list-ttl", "300ms", "--cache-size", "8M")
	pid := serving(mnt)
	end := time.Now().Add(lasts)
	var workers sync.WaitGroup
	var mu sync.Mutex
	count := map[outcome]int{}
	for range 3 {
		workers.Go(func() {
			for time.Now().Before(end) && !t.Failed() {
				mu.Lock()
				op := operations[random.IntN(len(operations))]
				f := faults[random.IntN(len(faults))]
				quiet := random.IntN(3) == 0
				mu.Unlock()
				// Nonsense too often makes ftpfs careful for good, and times
				// less exact.
				if !quiet && !strings.HasPrefix(f.name, "999") {
					f.inject(proxy, op.verbs)
				}
				got := op.run(t, root, mnt)
				mu.Lock()
				count[got]++
				heal := random.IntN(3) == 0
				mu.Unlock()
				if heal {
					if err := proxy.Up(); err != nil {
						t.Error(err)
					}
					proxy.Heal()
				}
			}
		})
	}
	fds, memory := 0, 0
	done := make(chan struct{})
	go func() {
		workers.Wait()
		close(done)
	}()
	sample := time.NewTicker(200 * time.Millisecond)
	defer sample.Stop()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-sample.C:
			if all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
				fds = max(fds, len(all))
			}
			memory = max(memory, residentKB(pid))
		}
	}
	t.Logf("%v, %d faults struck; at most %d file descriptors, %d MiB", count, proxy.Struck(), fds, memory>>10)
	// Eight control and data connections, those that are being closed, and what
	// any process has.
	if fds > 100 {
		t.Errorf("%d file descriptors", fds)
	}
	if memory > 200<<10 && !raceEnabled {
		t.Errorf("%d MiB of memory", memory>>10)
	}
	if err := proxy.Up(); err != nil {
		t.Fatal(err)
	}
	proxy.Heal()
	for _, op := range operations {
		for end := time.Now().Add(limit); op.run(t, root, mnt) != right; time.Sleep(200 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s does not work again", op.name)
			}
		}
	}
}

// residentKB is the memory of a process.
func residentKB(pid int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(data, []byte("VmRSS:"))
	kb := 0
	if _, err := fmt.Sscan(string(rest), &kb); err != nil {
		return 0
	}
	return kb
}
