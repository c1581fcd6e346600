package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"ftpfs/ftpconn/ftptest"

	"github.com/spf13/cobra"
)

func init() { moreCommands = append(moreCommands, newDemoCommand) }

func newDemoCommand(a *app) *cobra.Command {
	once := false
	cmd := &cobra.Command{
		Use:   "demo [--once] [DIR]",
		Short: "Show it all with a server of its own",
		Long: `demo starts a small FTP server on this machine, mounts it at DIR (default: a
new temporary directory), and shows the conversation between both while it
lists the mount and reads a file. The mount stays until Ctrl-C.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fail(exitUsage, "demo takes one directory at most")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.demo(cmd.Context(), args, once) },
	}
	cmd.Flags().BoolVar(&once, "once", false, "show it and leave")
	return cmd
}

func (a *app) demo(ctx context.Context, args []string, once bool) error {
	if err := checkFuse(false); err != nil {
		return &exitError{code: exitFuse, err: err}
	}
	dir := ""
	if len(args) == 1 {
		dir = args[0]
	} else {
		temp, err := os.MkdirTemp("", "ftpfs-demo-")
		if err != nil {
			return err
		}
		defer func() { _ = os.Remove(temp) }()
		dir = temp
	}
	server, err := ftptest.Start(ftptest.WithBanner("ftpfs demonstration server"))
	if err != nil {
		return fmt.Errorf("demonstration server: %w", err)
	}
	defer server.Close()
	fillDemo(server)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	show := &demoShow{w: a.stdout}
	// What the mount says goes to the same place as the rest, set off by two
	// blanks.
	env := func(name string) string { // no passwords, no proxies
		if name == "XDG_STATE_HOME" {
			return a.env(name)
		}
		return ""
	}
	sub := &app{env: env, stdin: a.stdin, stdout: a.stdout, stderr: &indented{w: show}}
	s := &settings{}
	s.flags() // sets the defaults
	s.Foreground, s.Trace = true, "-"
	s.Connections = 1 // so that the conversation is one
	s.ReadOnly = true
	if err := sub.complete(s, server.URL(), dir); err != nil {
		return err
	}
	show.say("An FTP server with some files listens at %s.\nftpfs mounts it at %s. What both say to each other (> is ftpfs, < the server):", server.Addr, s.Mountpoint)
	return sub.serve(ctx, s, func(string) {
		show.run("ls", "-l", s.Mountpoint)
		show.run("cat", filepath.Join(s.Mountpoint, "readme.txt"))
		show.run("ls", "-R", filepath.Join(s.Mountpoint, "music"))
		if once {
			cancel()
			return
		}
		show.say("The mount stays at %s until you press Ctrl-C. Look around in it from another terminal.", s.Mountpoint)
	})
}

// demoShow writes what the user sees; several goroutines use it.
type demoShow struct {
	mu sync.Mutex
	w  io.Writer
}

func (d *demoShow) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.w.Write(p)
}

func (d *demoShow) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d, "\n"+format+"\n\n", args...)
}

// run shows a command and what it says. It is a process of its own, as all
// that uses a mount has to be: this process answers it.
func (d *demoShow) run(name string, args ...string) {
	line := name
	for _, arg := range args {
		line += " " + arg
	}
	d.say("$ %s", line)
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		out = fmt.Appendf(out, "%s: %v\n", name, err)
	}
	_, _ = d.Write(append(bytes.TrimRight(out, "\n"), '\n'))
}

// indented puts two blanks before each line. It is given whole lines.
type indented struct{ w io.Writer }

func (i *indented) Write(p []byte) (int, error) {
	if _, err := i.w.Write(append([]byte("  "), p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}
