#!/bin/sh
# Builds test/simulator/clients/controller, a client of EC2 in Go, and prints where it is. Does nothing else when it is
# there already.
#
# It is kept outside the checkout by the sources it was built from: the SDK takes minutes to compile.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
source=$root/test/simulator/clients/controller
. "$(dirname "$0")/cache.sh"

# Where a machine has Go outside the PATH of a bare shell.
PATH=$PATH:/usr/local/go/bin
needs=$(sed -n 's/^go 1\.\([0-9]*\).*/\1/p' "$source/go.mod")
has=$(go version 2>/dev/null | sed -n 's/^go version go1\.\([0-9]*\).*/\1/p')
if [ "${has:-0}" -lt "$needs" ]; then
  echo "go-client.sh: AWS's SDK needs Go 1.$needs or newer, and here is $(go version 2>/dev/null || echo none)" >&2
  exit 1
fi

binary=$cache/go-client-$(cat "$source/go.sum" "$source/main.go" | sha256sum | cut -c1-16)
if [ ! -x "$binary" ]; then
  # One at a time: whoever waited finds it there.
  hold "$cache/go-client.lock"
  if [ ! -x "$binary" ]; then
    echo "go-client.sh: building with $(go version): some minutes the first time" >&2
    (cd "$source" && CGO_ENABLED=0 GOFLAGS=-trimpath go build -o "$binary.incomplete" .)
    mv "$binary.incomplete" "$binary"
  fi
fi
echo "$binary"
