#!/bin/sh
# A node's root of cgroups, of version 2 or one in each hierarchy of version 1: in mounts of its own (unshare --mount), since
# the caller's /sys may show none.
#
#   cgroups.sh mount           mounts all on /sys/fs/cgroup
#   cgroups.sh make NAME       the same, and makes the root
#   cgroups.sh remove NAME     the same, and removes the root and what is below it, as long as it takes; 10 s at most
#   cgroups.sh tidy PREFIX     removes what is left of processes that are no more: a name is PREFIX, a process id, a dash, ...
set -eu

is_v1() { grep -qE '^[1-9][0-9]*:(.*,)?memory' /proc/self/cgroup; }

mount_all() {
  if is_v1; then
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
    sed -n 's/^[1-9][0-9]*:\([^:]*\):.*/\1/p' /proc/self/cgroup | while read -r hierarchy; do
      mkdir "/sys/fs/cgroup/${hierarchy#name=}"
      case $hierarchy in
        name=*) mount -t cgroup -o "none,$hierarchy" cgroup "/sys/fs/cgroup/${hierarchy#name=}" ;;
        *) mount -t cgroup -o "$hierarchy" cgroup "/sys/fs/cgroup/$hierarchy" ;;
      esac
    done
  else
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
  fi
}

# shellcheck disable=SC2086 # a pattern
roots() { # NAME, or a pattern
  if is_v1; then printf '%s\n' /sys/fs/cgroup/*/$1; else printf '%s\n' /sys/fs/cgroup/$1; fi
}

sweep() { # ROOT
  find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
}

case $1 in
  mount) mount_all ;;
  tidy)
    mount_all
    for root in $(roots "$2*"); do
      [ -d "$root" ] || continue
      pid=${root##*/"$2"}
      [ -d "/proc/${pid%%-*}" ] || sweep "$root" || true
    done
    ;;
  make)
    mount_all
    if is_v1; then
      for hierarchy in /sys/fs/cgroup/*/; do mkdir -p "$hierarchy$2"; done
      # Not inherited, and a cgroup without them takes no process.
      for file in cpuset.cpus cpuset.mems; do
        cat "/sys/fs/cgroup/cpuset/$file" >"/sys/fs/cgroup/cpuset/$2/$file"
      done
    else
      for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
        echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
      done
      mkdir -p "/sys/fs/cgroup/$2"
    fi
    ;;
  remove)
    mount_all
    tries=100
    while :; do
      left=""
      for root in $(roots "$2"); do
        [ -d "$root" ] || continue
        sweep "$root" || left=$root
      done
      [ -n "$left" ] || break
      [ $((tries -= 1)) -gt 0 ] || { echo "$left does not go" >&2; exit 1; }
      sleep 0.1
    done
    ;;
esac
