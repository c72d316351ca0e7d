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

. "$(dirname "$0")/cache.sh"
venv=$cache/aws-clients-$awscli-$boto3-$moto

if [ ! -e "$venv/complete" ]; then
  # One at a time: whoever waited finds it there.
  hold "$cache/aws-clients.lock"
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
