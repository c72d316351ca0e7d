#!/bin/sh
# Makes the root directory of a guest with another architecture's processor: root.sh arm64
#
# Such a guest cannot run this machine's programs. Its root is a small Debian 12 in ~/.cache/branchline/roots/<arch>-<hash>/
# (below XDG_CACHE_HOME if set), with a link <arch> to it. The hash is that of this script. mmdebstrap unpacks the packages
# and runs none of their programs. A root that is there and whole is kept, without a look at the network.
set -eu

. "$(dirname "$0")/cache.sh"
roots=$cache/roots

# libstdc++6 is for Node; busybox-static goes into the guest's initramfs.
packages="busybox-static,coreutils,dash,grep,iproute2,iputils-ping,kmod,libstdc++6,mount,nftables,procps,util-linux"

fail() {
  echo "root.sh: $*" >&2
  exit 1
}

[ $# = 1 ] || fail "usage: root.sh ARCH (such as arm64)"
arch=$1
root=$roots/$arch-$(sha256sum "$0" | cut -c1-16)
if ! is_whole "$root"; then
  hold "$roots/.lock"
  # Whoever waited finds it there.
  if ! is_whole "$root"; then
    rm -rf "$roots"/.incomplete.*
    work=$(mktemp -d "$roots/.incomplete.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    echo "root.sh: unpacking a Debian 12 for $arch, 150 MB"
    mmdebstrap --quiet --mode=root --variant=extract --architectures="$arch" --include="$packages" bookworm "$work/root"
    # In place of what the packages' scripts would have done.
    ln -sf dash "$work/root/bin/sh"
    rm -rf "$work/root/var/cache/apt" "$work/root/var/lib/apt" "$work/root/dev"
    (cd "$work/root" && mkdir -p dev proc sys run tmp root)
    (cd "$work/root" && find . -type f -exec sha256sum {} + >"$work/sums" && mv "$work/sums" SHA256SUMS)
    rm -rf "$root"
    mv -T "$work/root" "$root"
  fi
fi
ln -sfnT "$(basename "$root")" "$roots/$arch"
