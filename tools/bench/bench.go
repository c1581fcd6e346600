package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"ftpfs/ftpconn/ftptest/realserver"
)

// bench is one run of the program.
type bench struct {
	ftpfs, rclone, link string
	runs                int
	limit               time.Duration
	rows                *regexp.Regexp

	dir      string // of all files
	random   *rand.ChaCha8
	used     usage // by the mount that was measured last
	cleanups []func()
}

// The methods that realserver.Start wants.

func (b *bench) Helper()                      {}
func (b *bench) Skipf(f string, args ...any)  { panic(fmt.Errorf(f, args...)) }
func (b *bench) Fatalf(f string, args ...any) { panic(fmt.Errorf(f, args...)) }
func (b *bench) Logf(f string, args ...any)   { log.Printf(f, args...) }
func (b *bench) Failed() bool                 { return false }
func (b *bench) Cleanup(f func())             { b.cleanups = append(b.cleanups, f) }
func (b *bench) TempDir() string              { return must(os.MkdirTemp(b.dir, "tmp")) }
func (b *bench) path(elements ...string) string {
	return filepath.Join(append([]string{b.dir}, elements...)...)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (b *bench) cleanUp(err *error) {
	if r := recover(); r != nil {
		e, ok := r.(error)
		if !ok {
			panic(r)
		}
		*err = e
	}
	b.undo(0)
}

// prepare makes what is read: random bytes, and a tree of 20 directories with
// 5 below each and 10 files of 200 to 8,000 bytes in each of those.
func (b *bench) prepare() error {
	for _, program := range []*string{&b.ftpfs, &b.link} {
		if *program != "" {
			*program = must(filepath.Abs(*program))
		}
	}
	b.dir = must(os.MkdirTemp("", "ftpfs-bench-"))
	b.Cleanup(func() { _ = os.RemoveAll(b.dir) })
	b.random = rand.NewChaCha8([32]byte{1})
	for _, dir := range []string{"", "root", "root/many", "mnt"} {
		if err := os.MkdirAll(b.path(dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	if err := b.prepareWriting(); err != nil || !b.reads() {
		return err
	}
	sizes := map[string]int{"big": 64 << 20, "half": 512 << 20, "giga": 1 << 30}
	for i := range 16 {
		sizes[fmt.Sprintf("many/mid%d", i+1)] = 4 << 20
		if i < 4 {
			sizes[fmt.Sprintf("many/big%d", i+1)] = 64 << 20
		}
	}
	for name, size := range sizes {
		if err := b.randomFile(b.path("root", name), size); err != nil {
			return err
		}
	}
	chunk := make([]byte, 8_000)
	_, _ = b.random.Read(chunk)
	r := rand.New(b.random)
	for d := range 20 {
		for s := range 5 {
			dir := b.path("root", "tree", fmt.Sprintf("d%d", d), fmt.Sprintf("s%d", s))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			for f := range 10 {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%d", f)), chunk[:200+r.IntN(7801)], 0o644); err != nil {
					return err
				}
			}
		}
	}
	for _, n := range []int{1_000, 10_000, 100_000} {
		dir := b.path("root", "many", fmt.Sprint(n))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		for i := range n {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file-%06d.dat", i)), nil, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// randomFile makes a file of random bytes.
func (b *bench) randomFile(name string, size int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, b.random, int64(size))
	return errors.Join(err, f.Close())
}

// reads says whether any row of reading is to be measured.
func (b *bench) reads() bool {
	return slices.ContainsFunc(works, func(w work) bool { return b.rows.MatchString(w.name) })
}

// at measures all rows of reading at a round trip, and returns the table; "" if
// there are none.
func (b *bench) at(ctx context.Context, rtt time.Duration) (string, error) {
	if !b.reads() {
		return "", nil
	}
	defer b.undo(len(b.cleanups)) // the server, and then its link
	inside, srv, err := b.start(rtt, realserver.Options{Root: b.path("root")})
	if err != nil {
		return "", err
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| work | ftpfs | rclone | rclone, full cache | client | ftpfs : rclone | ftpfs : client | CPU s, ftpfs : rclone | peak MiB, ftpfs : rclone |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, w := range works {
		if w.far && rtt == 0 || w.near && rtt > 0 || !b.rows.MatchString(w.name) {
			continue
		}
		log.Printf("%v: %s", rtt, w.name)
		cells, used := make([]time.Duration, 4), make([]usage, 4)
		for i, p := range []peer{b.mountFtpfs(), b.mountRclone("off", true), b.mountRclone("full", true), b.client} {
			runs := b.runs
			if i > 0 && (w.heavy || rtt > 0) {
				runs = 1
			}
			cells[i] = b.median(runs, func() (time.Duration, error) { return p(ctx, inside, srv, w) })
			used[i], b.used = b.used, usage{}
			if err := ctx.Err(); err != nil {
				return "", err
			}
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %s | %s | %s | %.2f : %.2f | %d : %d |\n", w.name, b.cell(cells[0]), b.cell(cells[1]),
			b.cell(cells[2]), b.cell(cells[3]), b.ratio(cells[0], cells[1]), b.ratio(cells[0], cells[3]),
			used[0].cpu.Seconds(), used[1].cpu.Seconds(), used[0].peak>>20, used[1].peak>>20)
	}
	return table.String(), nil
}

// start starts the server, behind a link if there is a round trip. inside is
// what runs a command on the clients' side.
func (b *bench) start(rtt time.Duration, options realserver.Options) (inside []string, srv *realserver.Server, err error) {
	if rtt > 0 {
		if err := b.startLink(rtt); err != nil {
			return nil, nil, err
		}
		options.Namespace, options.Host = "wan-srv", "10.99.0.2"
		inside = []string{"nsenter", "--net=/run/netns/wan-cli"}
	}
	return inside, realserver.Start(b, realserver.VSFTPD, options), nil
}

// undo runs the clean-ups that came after the first n.
func (b *bench) undo(n int) {
	for len(b.cleanups) > n {
		last := len(b.cleanups) - 1
		f := b.cleanups[last]
		b.cleanups = b.cleanups[:last]
		f()
	}
}

// errNone says that there is nothing to measure.
var errNone = errors.New("nothing to measure")

// median is -1 if there is nothing to measure, and the limit if that was
// reached.
func (b *bench) median(runs int, measure func() (time.Duration, error)) time.Duration {
	var all []time.Duration
	for range runs {
		d, err := measure()
		if errors.Is(err, errNone) {
			return -1
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return b.limit
		}
		if err != nil {
			log.Printf("  %v", err)
			return -1
		}
		all = append(all, d)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func (b *bench) cell(d time.Duration) string {
	switch {
	case d < 0:
		return ""
	case d >= b.limit:
		return fmt.Sprintf("> %.0f", b.limit.Seconds())
	}
	return fmt.Sprintf("%.3g", d.Seconds())
}

func (b *bench) ratio(ours, theirs time.Duration) string {
	switch {
	case ours <= 0 || theirs <= 0:
		return ""
	case theirs >= b.limit:
		return fmt.Sprintf("< 1/%.0f", theirs.Seconds()/ours.Seconds())
	case ours*3 < theirs:
		return fmt.Sprintf("1/%.0f", theirs.Seconds()/ours.Seconds())
	}
	return fmt.Sprintf("%.2f", ours.Seconds()/theirs.Seconds())
}

// startLink makes the namespaces and waits until they are there.
func (b *bench) startLink(rtt time.Duration) error {
	cmd := exec.Command(b.link, "-rtt", rtt.String())
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return err
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for range 100 {
		// Nobody listens there yet, so that a refusal is the answer of a link
		// that works.
		out, _ := exec.Command("nsenter", "--net=/run/netns/wan-cli", "timeout", "1", "bash", "-c", "exec 3<>/dev/tcp/10.99.0.2/9").CombinedOutput()
		if bytes.Contains(out, []byte("refused")) {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the link does not come up")
}

// shell runs a work, and says how long it took.
func (b *bench) shell(ctx context.Context, inside []string, script string, w work, srv *realserver.Server) (time.Duration, error) {
	into := b.TempDir()
	defer func() { _ = os.RemoveAll(into) }()
	ctx, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()
	args := append(inside[:len(inside):len(inside)], "bash", "-c", script)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "M="+b.path("mnt"), "T="+into, "S="+b.path("written"), "U="+strings.TrimSuffix(srv.URL(), "/"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, out.String())
	}
	if w.writes != nil {
		if late, err := b.arrived(ctx, w.writes); err != nil {
			return 0, err
		} else if late {
			took = time.Since(start)
		}
	}
	return took, nil
}
