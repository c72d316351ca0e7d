#!/bin/sh
# Puts what alerts and monitors are tested with into ~/.cache/branchline/prometheus/<version>-<hash>/ (below XDG_CACHE_HOME if
# set): prometheus.sh WHAT...
#
#   promtool             built from the Go module proxy, without Prometheus' service discoveries
#   operator-crds.yaml   PodMonitor, PrometheusRule and ServiceMonitor, out of the Prometheus operator's module
#
# The hash is that of go.mod and go.sum beside this script, which name the versions of everything that is built. Each file
# has its checksum next to it. Says nothing, and uses neither Go nor the network, when all are there and whole.
set -eu

. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/programs.sh"

operator=github.com/prometheus-operator/prometheus-operator@v0.85.0
crds_sum=61e364728819967d773c422948f4694a8dd997f6e5d1b2ea5f87d275cf8e8233

[ $# -gt 0 ] || fail "usage: prometheus.sh WHAT... (promtool, operator-crds.yaml)"
programs_of prometheus github.com/prometheus/prometheus
for what in "$@"; do
  case $what in
    promtool | operator-crds.yaml) ;;
    *) fail "unknown \"$what\": see the top of $0" ;;
  esac
done

fetch_crds() {
  echo "prometheus.sh: fetching the CRDs of $operator from the Go module proxy" >&2
  fetched=$(cd "$work" && go mod download -json "$operator" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
  [ -n "$fetched" ] || fail "cannot fetch $operator"
  for kind in podmonitors prometheusrules servicemonitors; do
    cat "$fetched/example/prometheus-operator-crd/monitoring.coreos.com_$kind.yaml"
  done >"$work/operator-crds.yaml"
  echo "$crds_sum  $work/operator-crds.yaml" | sha256sum --check --status ||
    fail "$operator holds other CRDs than expected"
  take operator-crds.yaml
}

# shellcheck disable=SC2046 # a list of words
set -- $(missing "$@")
[ $# -gt 0 ] || exit 0
# Whoever waited finds them there.
begin
# shellcheck disable=SC2046 # a list of words
set -- $(missing "$@")
for what in "$@"; do
  find_go
  case $what in
    promtool)
      echo "prometheus.sh: building promtool $version with $(go version): some 2 minutes the first time" >&2
      compile promtool github.com/prometheus/prometheus/cmd/promtool "-s -w" remove_all_sd
      ;;
    *) fetch_crds ;;
  esac
done
