#!/bin/bash
# Measures ftpfs beside its peers and writes docs/benchmarks.md; the arguments
# go to tools/bench. LINK is the source of a program that makes a link with a
# delay; without it, loopback alone is measured.
set -euo pipefail
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ftpfs/bench
mkdir -p "$cache"
link=${LINK:-../shared/wan}
args=()
if [ -f "$link/main.go" ]; then
	(cd "$link" && go build -o "$cache/link" .)
	args+=(-link "$cache/link")
fi
if [ ! -x "$cache/rclone" ]; then
	(cd "$cache" && GOBIN=$cache go install github.com/rclone/rclone@latest)
fi
for program in curl lftp nsenter; do
	command -v "$program" >/dev/null || echo "$program is missing; its columns stay empty" >&2
done
"$cache/rclone" version | head -1
exec go run ./tools/bench -rclone "$cache/rclone" -out docs/benchmarks.md "${args[@]}" "$@"
