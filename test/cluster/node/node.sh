#!/bin/bash
# A node's first process: containerd, kubelet and kube-proxy in the network namespace of an instance, with mounts, processes and
# a host name of their own. Whoever kills it ends all of them, pods too.
#
#   node.sh NAME DISK CGROUP PROGRAMS IMAGE...
#
# DISK has etc, lib, opt and log, which outlive a boot; everything else of the machine is seen as it is. CGROUP is the name of
# the node's root of cgroups, PROGRAMS the directory of kubelet and kube-proxy. IMAGE... are archives. Said on stdout: a line
# for each step.
set -u

name=$1 disk=$2 cgroup=$3 programs=$4
shift 4
since=$(cut -d' ' -f1 /proc/uptime)
say() { echo "$(awk -v a="$since" '{ printf "%.1f", $1 - a }' /proc/uptime) s: $*"; }
end() {
  say "$*"
  exit 1
}

hostname "$name"
mount -t sysfs sysfs /sys || end "no /sys"
"${0%/*}/cgroups.sh" make "$cgroup" || end "no cgroups"

mkdir -p "$disk"/{etc,etc.work,lib,opt,log}
mkdir -p "$disk"/lib/{containerd,kubelet,cni} "$disk"/log/{pods,containers,branchline} "$disk"/opt/cni/bin
mount -t overlay -o "lowerdir=/etc,upperdir=$disk/etc,workdir=$disk/etc.work" overlay /etc || end "no /etc"
mount --bind "$disk/lib" /var/lib
mount --bind "$disk/log" /var/log
mount --bind "$disk/opt" /opt
mkdir -p /etc/cni/net.d /etc/kubernetes/manifests
# Its end is a boot's, as that of all networks is.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock
# As systemd does it at boot: without it a runtime refuses HostToContainer.
mount --make-rshared /

# As Kubernetes' own instructions have it; and Amazon Linux's reverse path filter.
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 2 >/proc/sys/net/ipv4/conf/default/rp_filter
echo 2 >/proc/sys/net/ipv4/conf/eth0/rp_filter
cp /usr/lib/cni/{loopback,portmap} /opt/cni/bin/

containerd --config /etc/containerd/config.toml >>/var/log/containerd.log 2>&1 &
until [ -S /run/containerd/containerd.sock ]; do
  kill -0 $! 2>/dev/null || end "containerd has ended: $(tail -n 3 /var/log/containerd.log)"
  sleep 0.1
done
say "containerd is up"
for archive; do
  done=/var/lib/containerd/.imported-$(basename "$archive")
  [ -e "$done" ] && continue
  ctr -n k8s.io images import "$archive" >/dev/null || end "$archive cannot be imported"
  touch "$done"
done
say "images are in"
"$programs/kubelet" --config=/etc/kubernetes/kubelet.yaml --kubeconfig=/etc/kubernetes/kubelet.kubeconfig \
  --hostname-override="$name" --cgroup-root="/$cgroup" $(cat /etc/kubernetes/kubelet.flags) \
  >>/var/log/kubelet.log 2>&1 &
"$programs/kube-proxy" --config=/etc/kubernetes/kube-proxy.yaml >>/var/log/kube-proxy.log 2>&1 &
say "kubelet and kube-proxy are started"
# What loses its parent becomes ours, and the shell takes it: only the end of one of the three is the end.
daemons=$(jobs -p)
while :; do
  wait -n
  for pid in $daemons; do kill -0 "$pid" 2>/dev/null || end "a daemon has ended: $(tail -qn 2 /var/log/*.log | cut -c1-300)"; done
done
