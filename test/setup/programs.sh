# Read by kubernetes.sh, containerd.sh, coredns.sh and prometheus.sh after cache.sh: programs built from the Go module proxy,
# each kept with its checksum next to it, by the version and by the hash of the go.mod and go.sum that name everything that
# is built, and of what is written in Go beside them.
#
#   source     the directory of go.mod and go.sum
#   directory  where the programs are
#   work       a directory for what is not whole yet, once begin has returned
# shellcheck shell=sh

# For a Go that cannot fetch another one by itself.
toolchain=1.26.8

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# Sets source, version and directory: programs_of NAME MODULE, the one whose version is theirs.
programs_of() {
  source=$(cd "$(dirname "$0")/$1" && pwd)
  version=$(sed -n "s|^require $2 v||p" "$source/go.mod")
  programs=$cache/$1
  # As test/setup/programs.ts has it.
  directory=$programs/$version-$(cat "$source/go.mod" "$source/go.sum" "$source"/*.go 2>/dev/null | sha256sum | cut -c1-16)
}

is_there() { # one program, whole
  [ -x "$directory/$1" ] && [ -e "$directory/$1.sha256" ] &&
    (cd "$directory" && sha256sum --check --status "$1.sha256")
}

missing() { # those of the arguments that are not there
  for program in "$@"; do
    is_there "$program" || printf '%s ' "$program"
  done
}

# Waits for others who make the same, and makes the work directory.
begin() {
  hold "$programs/.lock" 60
  # Only what a killed run left behind, now that the lock is ours.
  rm -rf "$programs"/.incomplete.*
  work=$(mktemp -d "$programs/.incomplete.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  mkdir -p "$directory"
}

# Moves a program from the work directory to its place. Its checksum comes last: with it, it counts as there.
take() {
  chmod 755 "$work/$1"
  rm -f "$directory/$1.sha256"
  mv -T "$work/$1" "$directory/$1"
  (cd "$directory" && sha256sum "$1" >"$work/sum")
  mv -T "$work/sum" "$directory/$1.sha256"
}

# Static, so that it runs in a guest whatever its libc. What go.mod and go.sum do not name is refused.
compile() { # program package ldflags [tags]
  (cd "$source" && CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -tags "${4-}" -ldflags "$3" -o "$work/$1" "$2")
  take "$1"
}

minor_of_go() { # 26 for go1.26.8; 0 without Go
  minor=$(go version 2>/dev/null | sed -n 's/^go version go1\.\([0-9]*\).*/\1/p')
  echo "${minor:-0}"
}

# Puts a Go that is new enough on the PATH, once.
needs=""
find_go() {
  [ -z "$needs" ] || return 0
  needs=$(sed -n 's/^go 1\.\([0-9]*\).*/\1/p' "$source/go.mod")
  # Where a machine has Go outside the PATH of a bare shell.
  PATH=$PATH:/usr/local/go/bin
  if [ "$(minor_of_go)" = 0 ]; then
    echo "${0##*/}: no Go on the PATH, installing Debian's" >&2
    apt-get install -y -qq --no-install-recommends golang-go >&2 || {
      apt-get update -qq >&2
      apt-get install -y -qq --no-install-recommends golang-go >&2
    }
  fi
  # From 1.21 on Go fetches the toolchain that go.mod asks for, unless it is told not to.
  export GOTOOLCHAIN=auto
  if [ "$(minor_of_go)" -ge 21 ] || [ "$(minor_of_go)" -ge "$needs" ]; then return; fi
  # An older one can fetch it as a module, which loses the permissions.
  module=golang.org/toolchain@v0.0.1-go$toolchain.linux-$(go env GOARCH)
  echo "${0##*/}: $(go version) is older than 1.$needs: fetching Go $toolchain from the Go module proxy" >&2
  fetched=$(cd "$work" && go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
  [ -n "$fetched" ] || fail "cannot fetch $module"
  cp -r "$fetched" "$work/go"
  chmod -R u+w,a+X "$work/go"
  chmod 755 "$work"/go/bin/* "$work"/go/pkg/tool/*/*
  PATH=$work/go/bin:$PATH
  unset GOROOT
}
