package main

// work is a row of the table: a shell command with $M for the mount, $U for
// the server's URL and $T for an empty directory.
type work struct {
	name  string
	run   string // through a mount
	curl  string // the same by a client that is no mount; "" if there is none
	far   bool   // pays only over a link
	near  bool   // takes too long over a link
	heavy bool   // measured once for the others

	writes *writeWork // what the server must have then; nil: nothing
}

const random = `python3 -c '
import os, random, sys
f = os.open(sys.argv[1], os.O_RDONLY)
random.seed(1)
for i in range(40): os.pread(f, 4096, random.randrange(0, 64 << 20))
' "$M/big"`

var works = []work{
	{name: "first byte of a file in the root", run: `head -c 1 "$M/big"`, curl: `curl -sf -r 0-0 -o /dev/null "$U/big"`},
	{name: "64 MiB in order", run: `cat "$M/big" >/dev/null`, curl: `curl -sf -o /dev/null "$U/big"`},
	{name: "64 MiB again", run: `cat "$M/big" "$M/big" >/dev/null`, near: true},
	{name: "512 MiB in order", run: `cat "$M/half" >/dev/null`, curl: `curl -sf -o /dev/null "$U/half"`, far: true},
	{name: "1 GiB in order", run: `cat "$M/giga" >/dev/null`, curl: `curl -sf -o /dev/null "$U/giga"`, near: true},
	{name: "`ls -l` of 1,000 files", run: `ls -l "$M/many/1000" >/dev/null`, curl: `curl -sf -o /dev/null "$U/many/1000/"`},
	{name: "`ls -l` of 10,000 files", run: `ls -l "$M/many/10000" >/dev/null`, curl: `curl -sf -o /dev/null "$U/many/10000/"`, heavy: true},
	{name: "`ls -l` of 100,000 files", run: `ls -l "$M/many/100000" >/dev/null`, curl: `curl -sf -o /dev/null "$U/many/100000/"`, heavy: true},
	{name: "`find` tree", run: `find "$M/tree" >/dev/null`, heavy: true},
	{name: "`ls -lR` tree", run: `ls -lR "$M/tree" >/dev/null`, heavy: true},
	{name: "`cp -r` tree", run: `cp -r "$M/tree" "$T"`, curl: `lftp -c "open $U; mirror --parallel=8 tree $T/tree" >/dev/null`, heavy: true},
	{name: "40 random reads of 4 KiB", run: random, heavy: true},
	{name: "4 readers, 64 MiB each", run: `for i in 1 2 3 4; do cat "$M/many/big$i" >/dev/null & done; wait`, heavy: true},
	{name: "16 readers, 4 MiB each", run: `for i in $(seq 16); do cat "$M/many/mid$i" >/dev/null & done; wait`, heavy: true},
}
