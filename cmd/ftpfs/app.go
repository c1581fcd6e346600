package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// app is what a command may use of the process that it runs in.
type app struct {
	env    func(string) string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// run is the whole program. It returns the exit code.
func run(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{env: env, stdin: stdin, stdout: stdout, stderr: stderr}
	root := newRootCommand(a)
	root.SetArgs(args[1:])
	if name := filepath.Base(args[0]); strings.HasPrefix(name, "mount.") {
		// mount(8) calls us so for lines of /etc/fstab.
		root.SetArgs(append([]string{"mount"}, fromMount8(args[1:])...))
	}
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var e *exitError
	if !errors.As(err, &e) {
		e = &exitError{code: exitUsage, err: fmt.Errorf("%w; see ftpfs help", err)}
	}
	if e.err != nil {
		_, _ = fmt.Fprintf(stderr, "ftpfs: %s\n", oneLine(e.err))
	}
	return e.code
}

// oneLine is what a user reads of an error.
func oneLine(err error) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n", "; ")), " ")
}

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "ftpfs",
		Short: "Mount an FTP server as a directory",
		Long: `ftpfs mounts an FTP server as a directory, and shows how FTP works.

  ftpfs mount ftp://ftp.example.org/pub /mnt
  ls -l /mnt
  ftpfs umount /mnt`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newMountCommand(a), newUmountCommand(a), newVersionCommand(a), newExitCodesTopic())
	for _, more := range moreCommands {
		root.AddCommand(more(a))
	}
	return root
}

// moreCommands are the commands that do not mount by themselves.
var moreCommands []func(*app) *cobra.Command
