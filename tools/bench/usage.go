package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what a process has taken.
type usage struct {
	cpu  time.Duration // user and system
	peak int64         // bytes of memory
}

// ticksPerSecond is the unit of /proc/PID/stat on Linux.
const ticksPerSecond = 100

// usageOf finds the process that serves a mountpoint, and what it has taken.
func usageOf(mountpoint string) usage {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is good
	for _, name := range all {
		args, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(args), "\x00"+mountpoint+"\x00") || !strings.Contains(string(args), "mount\x00") {
			continue
		}
		return usageAt(filepath.Dir(name))
	}
	return usage{}
}

func usageAt(proc string) usage {
	var u usage
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return u
	}
	// Behind the name, which may hold anything: utime and stime are fields 14
	// and 15 of proc(5).
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) > 12 {
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		u.cpu = time.Duration(user+system) * time.Second / ticksPerSecond
	}
	status, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil {
		return u
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); n == 1 {
			u.peak = kilobytes << 10
		}
	}
	return u
}
