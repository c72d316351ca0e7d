#!/bin/busybox sh
# First half of the guest's boot, from the initramfs: builds the root it will live in.
#
# The root is the host's own (or, for another architecture, one made for it), read-only, under an overlay in memory: the guest sees every installed program
# and the checkout, and nothing it writes survives. The one way back is the share, a directory made for this
# run. When a step fails this script ends, the kernel panics over its missing init, and the host sees that.
set -eu

step="starting"
trap 'echo "guest: failed while $step"' EXIT

step="mounting kernel file systems"
# Written in full: the shell finds its applets through /proc.
/bin/busybox mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# Not every kernel has it, and only some tools ask for it.
mount -t bpf bpf /sys/fs/bpf || true
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/0 /dev/stdin
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr

step="loading modules"
while read -r module options; do
  # shellcheck disable=SC2086 # a list of words
  insmod "/modules/$module" $options
done </modules/order

step="mounting the share"
mkdir -p /lower /upper /root /share /kept
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 share /share

step="mounting the root"
# Nothing changes it from outside while we run, as far as we care: let the guest cache it.
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose root /lower
mount -t tmpfs -o mode=755 tmpfs /upper
mkdir /upper/changes /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/changes,workdir=/upper/work overlay /root

step="mounting fresh directories"
# What the job needs and a fresh mount would hide, such as a checkout below /tmp: set aside, then put back.
count=0
while read -r path; do
  count=$((count + 1))
  mkdir "/kept/$count"
  mount -o bind "/root$path" "/kept/$count"
done </share/keep
mount -t tmpfs -o mode=755 tmpfs /root/run
mount -t tmpfs -o mode=1777 tmpfs /root/tmp
count=0
while read -r path; do
  count=$((count + 1))
  mkdir -p "/root$path"
  mount -o move "/kept/$count" "/root$path"
done </share/keep

step="mounting what is not in the root"
while read -r tag path; do
  mkdir -p "/root$path"
  mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose "$tag" "/root$path"
done </share/mounts

step="pointing /lib/modules at this kernel"
mkdir -p /root/lib/modules
read -r modules </share/modules
mount -o bind "/root$modules" /root/lib/modules

step="handing over"
mkdir -p /root/run/guest/share /root/run/out /root/run/lock
cp /bin/busybox /main.sh /root/run/guest/
mount -o move /share /root/run/guest/share
mount -o bind /root/run/guest/share/out /root/run/out
hostname guest
ip link set lo up
mount -o move /sys /root/sys
mount -o move /dev /root/dev
mount -o move /proc /root/proc
exec /bin/busybox switch_root /root /run/guest/busybox sh /run/guest/main.sh
