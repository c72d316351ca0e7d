#!/bin/sh
# Prefix lists, network ACLs and route tables with the AWS CLI alone, as people type it. Where EC2 is, and with which
# keys, is in the environment, as the CLI reads it.
set -eu

. "$(dirname "$0")/cli.sh"

vpc=$(ec2 create-vpc --cidr-block 10.0.0.0/16 --query Vpc.VpcId)
subnet=$(ec2 create-subnet --vpc-id "$vpc" --cidr-block 10.0.0.0/24 --query Subnet.SubnetId)
web=$(ec2 create-security-group --vpc-id "$vpc" --group-name web --description "web servers" --query GroupId)

list=$(ec2 create-managed-prefix-list --prefix-list-name offices --address-family IPv4 --max-entries 3 \
  --entries Cidr=192.0.2.0/24,Description=first --query PrefixList.PrefixListId)
ec2 modify-managed-prefix-list --prefix-list-id "$list" --current-version 1 --add-entries Cidr=198.51.100.0/24 \
  --query PrefixList.Version >/dev/null
is "the list" "192.0.2.0/24	198.51.100.0/24" \
  "$(ec2 get-managed-prefix-list-entries --prefix-list-id "$list" --query 'Entries[].Cidr')"
ec2 authorize-security-group-ingress --group-id "$web" \
  --ip-permissions "IpProtocol=tcp,FromPort=443,ToPort=443,PrefixListIds=[{PrefixListId=$list}]" --query Return >/dev/null
refused DependencyViolation delete-managed-prefix-list --prefix-list-id "$list"

association=$(ec2 describe-network-acls --filters "Name=association.subnet-id,Values=$subnet" \
  --query 'NetworkAcls[0].Associations[0].NetworkAclAssociationId')
acl=$(ec2 create-network-acl --vpc-id "$vpc" --query NetworkAcl.NetworkAclId)
# The CLI makes the number of a protocol's name itself.
ec2 create-network-acl-entry --network-acl-id "$acl" --ingress --rule-number 100 --protocol tcp --port-range From=443,To=443 \
  --cidr-block 0.0.0.0/0 --rule-action allow
ec2 create-network-acl-entry --network-acl-id "$acl" --egress --rule-number 100 --protocol icmp --icmp-type-code Type=-1,Code=-1 \
  --cidr-block 0.0.0.0/0 --rule-action deny
ec2 replace-network-acl-association --association-id "$association" --network-acl-id "$acl" --query NewAssociationId >/dev/null
is "the entries" "100	6	100	1" "$(ec2 describe-network-acls --network-acl-ids "$acl" \
  --query 'NetworkAcls[0].[Entries[?!Egress&&RuleNumber<`32767`].[RuleNumber,Protocol],Entries[?Egress&&RuleNumber<`32767`].[RuleNumber,Protocol]][][]')"
refused DependencyViolation delete-network-acl --network-acl-id "$acl"

table=$(ec2 create-route-table --vpc-id "$vpc" --query RouteTable.RouteTableId)
ec2 create-route --route-table-id "$table" --destination-cidr-block 0.0.0.0/0 --nat-gateway-id nat-0123456789abcdef0 \
  --query Return >/dev/null
ec2 associate-route-table --route-table-id "$table" --subnet-id "$subnet" --query AssociationId >/dev/null
is "the routes" "local	nat-0123456789abcdef0" "$(ec2 describe-route-tables \
  --filters "Name=association.subnet-id,Values=$subnet" --query 'RouteTables[0].Routes[].[GatewayId||NatGatewayId][]')"
refused DependencyViolation delete-route-table --route-table-id "$table"

ec2 delete-subnet --subnet-id "$subnet"
ec2 delete-security-group --group-id "$web" >/dev/null
ec2 delete-managed-prefix-list --prefix-list-id "$list" >/dev/null
refused DependencyViolation delete-vpc --vpc-id "$vpc"
ec2 delete-network-acl --network-acl-id "$acl"
ec2 delete-route-table --route-table-id "$table"
ec2 delete-vpc --vpc-id "$vpc"
refused InvalidNetworkAclID.NotFound describe-network-acls --network-acl-ids "$acl"
