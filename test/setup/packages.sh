#!/bin/sh
# Installs the Debian packages that tests, harness and demo need: packages.sh [group...]
#
# Groups (all of them but the last when none is named):
#   build    strips the executable, certificates of the image: build.mjs, deploy/image
#   arm64    builds for arm64:    build/parts.sh, build.mjs --arch arm64
#   vm       boots guests:        test/vm, test/kernel, test/runtime
#   vm-arm64 boots such guests:   test/arm64
#   net      reads the network:   test/kernel, test/binary, test/runtime, bench
#   runtime  runs pods:           test/runtime, test/cluster
#   api      certificates, capabilities: test/ground/kubernetes, test/api
#   bench    traffic and memory:  bench
#   demo     what the demo shows: a database reached from a pod
#   browser  looks at the simulator's page: test/simulator/played
#
# Nothing happens, and no network is used, when everything is there already.
set -eu

build="binutils ca-certificates"
arm64="qemu-user-static binutils-aarch64-linux-gnu"
vm="qemu-system-x86 busybox-static kmod xz-utils"
vm_arm64="qemu-system-arm mmdebstrap"
net="iproute2 iputils-ping nftables iptables tcpdump strace procps conntrack containernetworking-plugins"
runtime="containerd runc busybox-static"
api="openssl libcap2-bin"
bench="iperf3 sockperf time"
demo="postgresql"
browser="chromium"

policy=/usr/sbin/policy-rc.d
cluster_conf=/etc/postgresql-common/createcluster.d/branchline.conf

fail() {
  echo "packages.sh: $*" >&2
  exit 1
}

# Packages of the named group.
packages_of() {
  case $1 in
    build) echo "$build" ;;
    arm64) echo "$arm64" ;;
    vm) echo "$vm" ;;
    vm-arm64) echo "$vm_arm64" ;;
    net) echo "$net" ;;
    runtime) echo "$runtime" ;;
    api) echo "$api" ;;
    bench) echo "$bench" ;;
    demo) echo "$demo" ;;
    browser) echo "$browser" ;;
    *) fail "unknown group \"$1\": it is build, arm64, vm, vm-arm64, net, runtime, api, bench, demo or browser" ;;
  esac
}

# Those of the arguments that are not installed.
missing_of() {
  # One dpkg-query for all: it is silent about, and fails for, names it does not know.
  installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null | sed -n 's/^ii *//p') || true
  for package in "$@"; do
    echo "$installed" | grep -qxF "$package" || echo "$package"
  done
}

# Installing a program must not start it: a policy of our own, unless the machine has one.
forbid_services() {
  [ -e "$policy" ] && return
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

# The demo has its own data: no cluster of the package's is needed.
forbid_cluster() {
  mkdir -p "${cluster_conf%/*}"
  echo "create_main_cluster = false" >"$cluster_conf"
}

[ $# -gt 0 ] || set -- build vm net runtime api bench demo
wanted=""
for group in "$@"; do
  wanted="$wanted $(packages_of "$group")"
done

# shellcheck disable=SC2086 # a list of words
missing=$(missing_of $wanted | tr '\n' ' ')
missing=${missing% }
if [ -z "$missing" ]; then
  echo "packages.sh: all there: $*"
  exit 0
fi

[ "$(id -u)" = 0 ] || fail "missing: $missing (run this as root to install them)"
echo "packages.sh: installing $missing"
forbid_services
case " $missing " in *" postgresql "*) forbid_cluster ;; esac
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
# shellcheck disable=SC2086 # a list of words
apt-get -q install --yes --no-install-recommends $missing
