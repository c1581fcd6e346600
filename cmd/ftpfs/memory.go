package main

import (
	"os"
	"runtime/debug"
	"time"

	"ftpfs/cache"
)

const (
	// memorySlack is what the process may use beside what the cache holds.
	memorySlack = 64 << 20

	// memoryInterval is how often the limit follows the cache.
	memoryInterval = 5 * time.Second
)

// boundMemory keeps the heap near what the cache may hold, until ended is
// closed. Without it the garbage of blocks that were thrown out would be let
// grow to the size of the cache once more. A limit that the user set (see
// GOMEMLIMIT in the documentation of Go's runtime) stays.
func boundMemory(c *cache.Cache, ended <-chan struct{}) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	tick := time.NewTicker(memoryInterval)
	defer tick.Stop()
	for {
		debug.SetMemoryLimit(c.Budget() + memorySlack)
		select {
		case <-tick.C:
		case <-ended:
			return
		}
	}
}
