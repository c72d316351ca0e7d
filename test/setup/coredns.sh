#!/bin/sh
# Puts CoreDNS into ~/.cache/branchline/coredns/<version>-<hash>/ (below XDG_CACHE_HOME if set), built from the Go module
# proxy, with the plugins that coredns/main.go names.
#
# The hash is that of the files in coredns/. The program has its checksum next to it. Says nothing, and uses neither Go nor
# the network, when it is there and whole.
set -eu

. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/programs.sh"

programs_of coredns github.com/coredns/coredns
is_there coredns && exit 0
# Whoever waited finds it there.
begin
is_there coredns && exit 0
find_go
echo "coredns.sh: building CoreDNS $version with $(go version): some 2 minutes the first time" >&2
compile coredns . "-s -w"
