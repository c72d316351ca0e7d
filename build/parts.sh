#!/bin/sh
# Fetches what an executable for another architecture is made of: parts.sh arm64, bun or bun-arm64
#
#   parts/<arch>/node_modules                     its Node and native library, from the npm registry
#   ~/.cache/branchline/sysroot/<arch>-<hash>/    Debian's libraries for it, unpacked and not installed; `sysroot` in
#                                                 parts/<arch>/node_modules is a link to it
#
# The libraries have the versions of those that this machine has installed: they run that Node in QEMU's emulation of a
# process, which makes its code caches, and go into the image. The hash is that of the versions.
#
# Uses no network when everything is there.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/test/setup/cache.sh"
. "$here/test/setup/foreign-apt.sh"

libraries="libc6 libgcc-s1 libstdc++6 gcc-12-base"

fail() {
  echo "parts.sh: $*" >&2
  exit 1
}

[ $# = 1 ] || fail "usage: parts.sh PARTS (such as arm64)"
arch=$1
parts=$here/parts/$arch
[ -e "$parts/package.json" ] || fail "\"$arch\" is not one of the parts: $(ls -d "$here"/parts/*/ | xargs -n 1 basename | tr '\n' ' ')"

# npm leaves its own copy of the lock file once everything is there.
lock=$parts/node_modules/.package-lock.json
if [ ! -e "$lock" ] || [ "$parts/package-lock.json" -nt "$lock" ]; then
  echo "parts.sh: installing the packages of parts/$arch/package-lock.json from the npm registry"
  case $arch in
    *arm64) cpu=arm64 ;;
    *) cpu=x64 ;;
  esac
  npm ci --prefix "$parts" --os=linux --cpu="$cpu" --no-bin-links --no-audit --no-fund --loglevel=error
  touch "$lock"
fi

# Bun needs nothing else: its own file makes executables for both architectures, and runs none of them.
case $arch in
  bun*) exit 0 ;;
esac

# A line for each: name=version.
wanted() {
  # shellcheck disable=SC2086 # a list of words
  dpkg-query -W -f '${Package}=${Version}\n' $libraries || fail "is this Debian 12?"
}

versions=$(wanted)
sysroot=$cache/sysroot/$arch-$(echo "$versions" | sha256sum | cut -c1-16)
if ! is_whole "$sysroot"; then
  hold "$cache/sysroot/.lock"
  # Whoever waited finds it there.
  if ! is_whole "$sysroot"; then
    rm -rf "$cache"/sysroot/.incomplete.*
    work=$(mktemp -d "$cache/sysroot/.incomplete.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    echo "parts.sh: fetching Debian's $(echo "$versions" | tr '\n' ' ')for $arch"
    mkdir -p "$work/root/var/lib/dpkg/info"
    use_foreign_apt "$arch" "$work"
    # shellcheck disable=SC2086 # a list of words
    (cd "$work" && apt-get -q=2 download $versions) ||
      fail "these versions are not to be had any more: install Debian's updates on this machine first"
    for package in "$work"/*.deb; do
      dpkg -x "$package" "$work/root"
      name=$(dpkg-deb -f "$package" Package)
      # So that dpkg-query --admindir answers whose a file is.
      {
        dpkg-deb -f "$package"
        printf 'Status: install ok unpacked\n\n'
      } >>"$work/root/var/lib/dpkg/status"
      dpkg-deb --fsys-tarfile "$package" | tar -t | sed 's,^\./,/,; s,\(.\)/$,\1,; s,^/$,/.,' >"$work/root/var/lib/dpkg/info/$name.list"
    done
    (cd "$work/root" && find . -type f -exec sha256sum {} + >"$work/sums" && mv "$work/sums" SHA256SUMS)
    rm -rf "$sysroot"
    mv -T "$work/root" "$sysroot"
  fi
fi
ln -sfnT "$sysroot" "$parts/node_modules/sysroot"
