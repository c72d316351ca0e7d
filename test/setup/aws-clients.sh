#!/bin/sh
# Makes the Python environment of EC2's foreign clients: the AWS CLI, boto3, and moto's server as a second opinion.
# Prints its directory. Does nothing else, and uses no network, when it is there already.
#
# It is kept by version outside the checkout, so that every checkout of a machine shares one.
set -eu

# One botocore for both: this CLI and this boto3 are of the same release.
awscli=1.46.3
boto3=1.44.8
moto=5.2.5

cache=${XDG_CACHE_HOME:-$HOME/.cache}/branchline
venv=$cache/aws-clients-$awscli-$boto3-$moto

if [ ! -e "$venv/complete" ]; then
  mkdir -p "$cache"
  # One at a time: whoever waited finds it there.
  exec 9>"$cache/aws-clients.lock"
  flock -w 600 9 || {
    echo "aws-clients.sh: another aws-clients.sh has been at work for 10 minutes" >&2
    exit 1
  }
  if [ ! -e "$venv/complete" ]; then
    echo "aws-clients.sh: installing awscli $awscli, boto3 $boto3 and moto $moto into $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv" || {
      apt-get install -y -qq --no-install-recommends python3-venv >&2
      rm -rf "$venv"
      python3 -m venv "$venv"
    }
    "$venv/bin/pip" install -q "awscli==$awscli" "boto3==$boto3" "moto[ec2,server]==$moto" >&2
    touch "$venv/complete"
  fi
fi
echo "$venv"
