#!/bin/sh
# Builds a world from nothing with the AWS CLI alone, looks at it, and takes it down again. Where EC2 is, and with
# which keys, is in the environment, as the CLI reads it.
set -eu

. "$(dirname "$0")/cli.sh"

vpc=$(ec2 create-vpc --cidr-block 10.0.0.0/16 --query Vpc.VpcId)
subnet=$(ec2 create-subnet --vpc-id "$vpc" --cidr-block 10.0.0.0/24 --query Subnet.SubnetId)
web=$(ec2 create-security-group --vpc-id "$vpc" --group-name web --description "web servers" --query GroupId)
database=$(ec2 create-security-group --vpc-id "$vpc" --group-name database --description databases --query GroupId)
ec2 authorize-security-group-ingress --group-id "$web" --protocol tcp --port 80 --cidr 10.0.0.0/8 --query Return >/dev/null
ec2 authorize-security-group-ingress --group-id "$database" --protocol tcp --port 5432 --source-group "$web" \
  --query Return >/dev/null
is "the database's peer" "$web" "$(ec2 describe-security-group-rules --filters "Name=group-id,Values=$database" \
  --query 'SecurityGroupRules[?!IsEgress].ReferencedGroupInfo.GroupId')"

# As people type it: the CLI has options of its own for these.
instance=$(ec2 run-instances --image-id "${IMAGE:-ami-12c6146b}" --instance-type m5.large --count 1 --subnet-id "$subnet" \
  --security-group-ids "$web" --tag-specifications 'ResourceType=instance,Tags=[{Key=Name,Value=node}]' \
  --query 'Instances[0].InstanceId')
aws ec2 wait instance-running --instance-ids "$instance"
is "the instance" running "$(ec2 describe-instances --filters Name=tag:Name,Values=node "Name=vpc-id,Values=$vpc" \
  --query 'Reservations[0].Instances[0].State.Name')"

trunk=$(ec2 create-network-interface --subnet-id "$subnet" --interface-type trunk --groups "$web" \
  --query NetworkInterface.NetworkInterfaceId)
attachment=$(ec2 attach-network-interface --network-interface-id "$trunk" --instance-id "$instance" --device-index 2 \
  --query AttachmentId)
ec2 modify-network-interface-attribute --network-interface-id "$trunk" \
  --attachment "AttachmentId=$attachment,DeleteOnTermination=true"
until_is attached describe-network-interfaces --network-interface-ids "$trunk" \
  --query 'NetworkInterfaces[0].Attachment.Status'

branch=$(ec2 create-network-interface --subnet-id "$subnet" --groups "$database" \
  --tag-specifications 'ResourceType=network-interface,Tags=[{Key=pod,Value=postgres-0}]' \
  --query NetworkInterface.NetworkInterfaceId)
association=$(ec2 associate-trunk-interface --branch-interface-id "$branch" --trunk-interface-id "$trunk" --vlan-id 1 \
  --query InterfaceAssociation.AssociationId)
is "the branch" "branch	in-use" "$(ec2 describe-network-interfaces --filters Name=tag:pod,Values='postgres-*' \
  "Name=vpc-id,Values=$vpc" --query 'NetworkInterfaces[0].[InterfaceType,Status]')"
is "its association" "$branch	$trunk	1" "$(ec2 describe-trunk-interface-associations --association-ids "$association" \
  --query 'InterfaceAssociations[0].[BranchInterfaceId,TrunkInterfaceId,VlanId]')"
is "what the instance shows" 2 "$(ec2 describe-instances --instance-ids "$instance" \
  --query 'length(Reservations[0].Instances[0].NetworkInterfaces)')"

refused DependencyViolation delete-subnet --subnet-id "$subnet"
refused DependencyViolation delete-security-group --group-id "$database"
ec2 disassociate-trunk-interface --association-id "$association" --query Return >/dev/null
refused InvalidAssociationID.NotFound disassociate-trunk-interface --association-id "$association"
ec2 delete-network-interface --network-interface-id "$branch"
ec2 terminate-instances --instance-ids "$instance" --query 'TerminatingInstances[0].CurrentState.Name' >/dev/null
until_is terminated describe-instances --instance-ids "$instance" --query 'Reservations[0].Instances[0].State.Name'
until_is InvalidNetworkInterfaceID.NotFound describe-network-interfaces --network-interface-ids "$trunk"
is "what is left in the VPC" 0 "$(ec2 describe-network-interfaces --filters "Name=vpc-id,Values=$vpc" \
  --query 'length(NetworkInterfaces)')"
refused DependencyViolation delete-security-group --group-id "$web"
ec2 delete-security-group --group-id "$database" >/dev/null
ec2 delete-security-group --group-id "$web" >/dev/null
ec2 delete-subnet --subnet-id "$subnet"
ec2 delete-vpc --vpc-id "$vpc"
refused InvalidVpcID.NotFound describe-vpcs --vpc-ids "$vpc"
