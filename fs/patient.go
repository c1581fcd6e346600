package fs

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// The kernel asks to interrupt a call when its caller got any signal. Most
// signals mean no harm: timers, children that ended, and what the runtimes of
// some languages send to their own threads all the time; a local disk would
// not answer them with EINTR. So a call goes on unless the signal is one that
// is to end the caller, or that people send to stop a program.

// patient returns a context that ends when the caller of a request wants to
// leave. done must be called at the end of the request.
func patient(ctx context.Context) (_ context.Context, done func()) {
	caller, ok := fuse.FromContext(ctx)
	if !ok {
		return ctx, func() {}
	}
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		// Only the first signal is told; later ones have to be looked for.
		look := time.NewTicker(100 * time.Millisecond)
		defer look.Stop()
		for !wantsToLeave(caller.Pid) {
			select {
			case <-look.C:
			case <-lasting.Done():
				return
			}
		}
		cancel()
	})
	return lasting, func() {
		stop()
		cancel()
	}
}

// endingSignals are those that stop a program even if it handles them.
const endingSignals = 1<<(syscall.SIGINT-1) | 1<<(syscall.SIGTERM-1) | 1<<(syscall.SIGHUP-1) | 1<<(syscall.SIGQUIT-1) | 1<<(syscall.SIGKILL-1)

// harmless are those that do nothing if they are not handled.
const harmless = 1<<(syscall.SIGCHLD-1) | 1<<(syscall.SIGURG-1) | 1<<(syscall.SIGWINCH-1) | 1<<(syscall.SIGCONT-1) |
	1<<(syscall.SIGTSTP-1) | 1<<(syscall.SIGTTIN-1) | 1<<(syscall.SIGTTOU-1) | 1<<(syscall.SIGSTOP-1)

// wantsToLeave says whether a thread has a signal pending that ends it.
func wantsToLeave(tid uint32) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return true // gone, or out of our sight
	}
	var pending, blocked, ignored, caught uint64
	for _, line := range strings.Split(string(data), "\n") {
		name, value, _ := strings.Cut(line, ":")
		set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil {
			continue
		}
		switch name {
		case "SigPnd", "ShdPnd":
			pending |= set
		case "SigBlk":
			blocked = set
		case "SigIgn":
			ignored = set
		case "SigCgt":
			caught = set
		}
	}
	pending &^= blocked | ignored
	return pending&endingSignals != 0 || pending&^caught&^harmless != 0
}
