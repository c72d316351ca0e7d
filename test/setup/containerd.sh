#!/bin/sh
# Puts containerd 2.x with its shim and ctr into ~/.cache/branchline/containerd/<version>-<hash>/ (below XDG_CACHE_HOME if
# set), built from the Go module proxy. runc is Debian's (packages.sh runtime).
#
# The hash is that of go.mod and go.sum beside this script, which name the versions of everything that is built. Each
# program has its checksum next to it. Says nothing, and uses neither Go nor the network, when all are there and whole.
set -eu

. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/programs.sh"

module=github.com/containerd/containerd/v2
programs_of containerd $module
# Without it, it calls itself <version>+unknown.
flags="-s -w -X $module/version.Version=v$version"

set -- containerd containerd-shim-runc-v2 ctr
# shellcheck disable=SC2046 # a list of words
set -- $(missing "$@")
[ $# -gt 0 ] || exit 0
# Whoever waited finds them there.
begin
# shellcheck disable=SC2046 # a list of words
set -- $(missing "$@")
for program in "$@"; do
  find_go
  echo "containerd.sh: building $program $version with $(go version): all some 4 minutes the first time" >&2
  compile "$program" "$module/cmd/$program" "$flags"
done
