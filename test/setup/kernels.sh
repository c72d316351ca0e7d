#!/bin/sh
# Fetches stock Debian kernels for the guests: kernels.sh SERIES... (such as 6.1 6.12, or 6.12-arm64)
#
# Each lands in ~/.cache/branchline/kernels/<release>/ (below XDG_CACHE_HOME if set), unpacked and never installed, with
# a link <series> to it:
#   vmlinuz       what qemu boots
#   release       what uname -r will say
#   lib/modules/  the modules a guest can use, not compressed: decompressing in an emulated guest is slow
#   SHA256SUMS    of all of these
#
# A kernel that is there and whole is kept, without a look at the network: remove its directory to get a newer one.
set -eu

. "$(dirname "$0")/cache.sh"
. "$(dirname "$0")/foreign-apt.sh"
cache=$cache/kernels

# What no guest has hardware for, which is nine tenths of it.
keep_drivers="block char net virtio"
drop_net_drivers="arcnet can dsa ethernet fddi hamradio hippi ieee802154 phy plip usb wan wireless wwan"

fail() {
  echo "kernels.sh: $*" >&2
  exit 1
}

# The architecture of a series.
arch_of() {
  case $1 in
    *-*) echo "${1#*-}" ;;
    *) echo amd64 ;;
  esac
}

# The newest package of a series; the signed one where there is one.
newest_package() {
  name="linux-image-$(echo "${1%-*}" | sed 's/\./\\./g')\\.[0-9]+(-[0-9]+)?(\\+deb[0-9]+)?-$(arch_of "$1")"
  for suffix in "" "-unsigned"; do
    found=$(apt-cache --names-only search "^$name$suffix\$" | cut -d' ' -f1 | sort -V | tail -n 1)
    if [ -n "$found" ]; then
      echo "$found"
      return
    fi
  done
}

# Package lists age, and a machine fresh from an image has none.
update_lists() {
  [ "$(id -u)" = 0 ] || fail "apt has no linux-image-$1: run apt-get update as root first"
  apt-get -q update
}

# Leaves the newest package of the series in the directory.
download() {
  for attempt in first last; do
    package=$(newest_package "$1")
    if [ -n "$package" ]; then
      echo "kernels.sh: fetching $package"
      (cd "$2" && apt-get -q -o APT::Sandbox::User=root download "$package") && return
    fi
    [ "$attempt" = last ] || update_lists "$1"
  done
  fail "no linux-image-${1%-*}.*-$(arch_of "$1") to be had: is this Debian 12 or newer, with its security archive?"
}

# Keeps the modules a guest can use.
prune() {
  for driver in "$1"/drivers/*; do
    case " $keep_drivers " in *" ${driver##*/} "*) ;; *) rm -rf "$driver" ;; esac
  done
  for driver in $drop_net_drivers; do
    rm -rf "$1/drivers/net/$driver"
  done
  rm -rf "$1/sound"
}

# Builds the series' directory beside its final place, and moves it there once it is whole.
fetch() {
  work=$(mktemp -d "$cache/.incomplete.XXXXXX")
  [ "$(arch_of "$1")" = amd64 ] || use_foreign_apt "$(arch_of "$1")" "$work"
  download "$1" "$work"
  mkdir "$work/package" "$work/kernel"
  dpkg -x "$work"/*.deb "$work/package"

  # Newer Debians have the modules below usr/lib.
  modules=$(find "$work/package" -type d -path '*lib/modules/*' -prune)
  release=${modules##*/}
  [ -d "$modules/kernel" ] || fail "$package holds no modules"
  prune "$modules/kernel"
  find "$modules" -name '*.ko.xz' -exec xz -d -T 0 {} +
  mkdir -p "$work/kernel/lib/modules"
  mv "$modules" "$work/kernel/lib/modules/$release"
  depmod -b "$work/kernel" "$release"
  mv "$work/package/boot/vmlinuz-$release" "$work/kernel/vmlinuz"
  echo "$release" >"$work/kernel/release"
  (cd "$work/kernel" && find . -type f -exec sha256sum {} + >"$work/sums" && mv "$work/sums" SHA256SUMS)

  rm -rf "${cache:?}/$release"
  mv -T "$work/kernel" "$cache/$release"
  ln -sfn "$release" "$cache/$1"
  rm -rf "$work"
  unset APT_CONFIG
  echo "kernels.sh: $1 is $release"
}

[ $# -gt 0 ] || fail "usage: kernels.sh SERIES... (such as 6.1 6.12, or 6.12-arm64)"
for series in "$@"; do
  expr "${series%-arm64}" : '[0-9]\{1,\}\.[0-9]\{1,\}$' >/dev/null ||
    fail "\"$series\" is no series: say 6.1, 6.12 or 6.12-arm64"
done

work=""
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
for series in "$@"; do
  if is_whole "$cache/$series"; then
    echo "kernels.sh: $series is there: $(cat "$cache/$series/release")"
    continue
  fi
  # One at a time: whoever waited finds it there.
  hold "$cache/.lock"
  is_whole "$cache/$series" || {
    # Only what a killed run left behind, now that the lock is ours.
    rm -rf "$cache"/.incomplete.*
    fetch "$series"
  }
  exec 9>&-
done
