package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// The exit codes. They are part of the interface: scripts rely on them.
const (
	exitOK          = 0
	exitFailure     = 1 // anything that has no code of its own
	exitUsage       = 2 // wrong flags or arguments; nothing was done
	exitUnreachable = 3 // no connection to the server
	exitLogin       = 4 // the server refused user or password
	exitDirectory   = 5 // the directory of the URL can not be listed
	exitMountpoint  = 6 // the mountpoint can not be used
	exitFuse        = 7 // FUSE is not available
	exitBusy        = 8 // umount: files are in use
	exitTLS         = 9 // TLS is refused, or the certificate not trusted

	exitPending = 10 // umount, pending: something is not on the server
)

// exitError is an error with its exit code.
type exitError struct {
	code int
	err  error // nil: all has been said
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// fail makes an error with an exit code.
func fail(code int, format string, args ...any) error {
	return &exitError{code: code, err: fmt.Errorf(format, args...)}
}

func newExitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `The exit codes of ftpfs:

  0  success
  1  another failure
  2  wrong flags or arguments; nothing was done
  3  no connection to the server
  4  the server refused the user or the password
  5  the directory of the URL does not exist or can not be listed
  6  the mountpoint does not exist, is no directory, or is in use
  7  FUSE is not available
  8  umount: files on the mount are in use
  9  TLS was required and refused, or the server's certificate is not trusted
 10  umount, pending: something that was written is not on the server (yet);
     it is kept on this machine, see ftpfs pending`,
	}
}
