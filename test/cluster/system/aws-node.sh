#!/bin/sh
# A stand-in for aws-node's container: leaves on the node what the real one leaves for pods without a branch.
#
#   /scripts/aws-cni              the plugin, test/ground/primary-aws
#   /host/etc/aws-node/prefixes   the prefixes of the primary interface, one a line, which EC2 would tell
#   /host/run/aws-node            the pool that its ipamd would keep
set -eu

bin=/host/opt/cni/bin run=/host/run/aws-node
lists=${HOST_CNI_CONFDIR_PATH:-/host/etc/cni/net.d}

# Of 16 addresses each. After a restart the pool is as it was.
if [ ! -d $run/pool ]; then
  mkdir -p $run/pool.new
  while read -r prefix; do
    first=${prefix%/*} i=0
    while [ $i -lt 16 ]; do
      address=${first%.*}.$((${first##*.} + i))
      echo "$address" >"$run/pool.new/$address"
      i=$((i + 1))
    done
  done </host/etc/aws-node/prefixes
  mv $run/pool.new $run/pool
fi

cat /scripts/aws-cni >$bin/aws-cni.new
chmod 755 $bin/aws-cni.new
mv $bin/aws-cni.new $bin/aws-cni

mkdir -p "$lists"
# In place, not by a rename.
cat /scripts/10-aws.conflist >"$lists/10-aws.conflist"
echo "the list is in $lists"
trap 'exit 0' TERM
while :; do
  sleep 86400 &
  wait $!
done
