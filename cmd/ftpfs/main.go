// Command ftpfs mounts an FTP server as a directory.
package main

import (
	"context"
	"os"
	"strings"
)

func main() {
	// The strings in os.Args are the very memory that ps shows.
	args := make([]string, len(os.Args))
	for i, s := range os.Args {
		args[i] = strings.Clone(s)
		wipePassword(s)
	}
	os.Exit(run(context.Background(), args, os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}
