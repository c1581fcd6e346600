package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

const fsType = "fuse.ftpfs"

// mountEntry is a line of /proc/self/mounts.
type mountEntry struct{ source, target, fstype string }

// findMount returns the mount that is at a directory: the topmost.
func findMount(dir string) (found mountEntry, ok bool) {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return mountEntry{}, false
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 {
			continue
		}
		if unescapeMount(fields[1]) == dir {
			found = mountEntry{unescapeMount(fields[0]), dir, fields[2]}
			ok = true
		}
	}
	return found, ok
}

// unescapeMount undoes the \040 of /proc/self/mounts.
func unescapeMount(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// allowedOther says whether fusermount3 lets users pass allow_other.
func allowedOther(conf string) error {
	data, err := os.ReadFile(conf)
	if err == nil {
		for _, line := range strings.Split(string(data), "\n") {
			if strings.TrimSpace(line) == "user_allow_other" {
				return nil
			}
		}
	}
	return fmt.Errorf("allow_other needs the line user_allow_other in %s", conf)
}
