#!/bin/sh
# Runs a command in the private namespaces that the caller made, so that it finds what a guest would offer:
# an empty /run, a /sys that shows this network namespace, lo up. Nothing of it is seen outside.
set -eu

mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/lock /run/out
mount -t sysfs sysfs /sys
# A host may hold its controllers in version 1: then there is no version 2 to be had.
mount -t cgroup2 cgroup2 /sys/fs/cgroup || true
ip link set lo up
exec "$@"
