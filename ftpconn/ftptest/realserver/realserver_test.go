package realserver_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"ftpfs/ftpconn/ftptest/realserver"
)

func TestServersGreet(t *testing.T) {
	for _, kind := range realserver.All {
		t.Run(string(kind), func(t *testing.T) {
			root := t.TempDir()
			if err := os.Chmod(root, 0o755); err != nil {
				t.Fatal(err)
			}
			s := realserver.Start(t, kind, realserver.Options{Root: root})
			for range 2 {
				c, err := net.Dial("tcp", net.JoinHostPort(s.Host, fmt.Sprint(s.Port)))
				if err != nil {
					t.Fatal(err)
				}
				line, err := bufio.NewReader(c).ReadString('\n')
				if err != nil || !strings.HasPrefix(line, "220") {
					t.Errorf("%q, %v", line, err)
				}
				_ = c.Close()
				s.Restart()
			}
		})
	}
}
