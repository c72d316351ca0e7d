#!/bin/sh
# Builds cnitool, the CNI project's own caller, into ~/.cache/branchline/cnitool/<version>/ (below XDG_CACHE_HOME if set),
# with a link `current` to it. Does nothing when it is there and whole.
#
# Debian does not package it. The Go at hand decides the version: 1.3.1 (verbs gc and status, CNI 1.1.0) from
# Go 1.21 on; with Debian 12's own Go 1.19 only 1.1.2 builds, which knows neither and speaks up to CNI 1.0.0.
set -eu

. "$(dirname "$0")/cache.sh"
cache=$cache/cnitool

newest=v1.3.1

go_minor() { # 21 for go1.21.3; 0 without Go
  version=$(go version 2>/dev/null | sed -n 's/^go version go1\.\([0-9]*\).*/\1/p')
  echo "${version:-0}"
}

# One at a time: whoever waited finds it there.
hold "$cache/.lock"
take() { # the version that is whole
  ln -sfn "$1" "$cache/current"
  exit 0
}
# The newest needs no Go to be found.
if is_whole "$cache/$newest"; then take "$newest"; fi

# Where a machine has Go outside the PATH of a bare shell.
PATH=$PATH:/usr/local/go/bin
if [ "$(go_minor)" = 0 ]; then
  echo "cnitool: no Go on the PATH, installing Debian's" >&2
  apt-get install -y -qq --no-install-recommends golang-go >&2 || {
    apt-get update -qq >&2
    apt-get install -y -qq --no-install-recommends golang-go >&2
  }
fi

if [ "$(go_minor)" -ge 21 ]; then
  version=$newest
else
  version=v1.1.2
  echo "cnitool: $(go version) is older than 1.21: building cnitool $version, without gc and status" >&2
fi

if is_whole "$cache/$version"; then take "$version"; fi
rm -rf "$cache"/.incomplete.*
work=$(mktemp -d "$cache/.incomplete.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "cnitool: building $version with $(go version)" >&2
# Static, so that it runs in a guest or a container whatever its libc.
GOBIN=$work CGO_ENABLED=0 GOFLAGS=-trimpath go install "github.com/containernetworking/cni/cnitool@$version"
(cd "$work" && sha256sum cnitool >SHA256SUMS)
chmod 755 "$work"
rm -rf "${cache:?}/$version"
mv -T "$work" "$cache/$version"
ln -sfn "$version" "$cache/current"
