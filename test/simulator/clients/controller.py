"""Makes the calls that AWS's VPC resource controller was seen to make, through boto3: controller.py INSTANCE GROUP

The same as controller/main.go with another client, and prints the same lines.
"""

import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

TAG_VLAN = "vpcresources.k8s.aws/vlan-id"
TAG_TRUNK = "vpcresources.k8s.aws/trunk-eni-id"
TAG_OWNER = "eks:eni:owner"
OWNER = "eks-vpc-resource-controller"
MAX_ENIS = 3  # of m5.large
BRANCHES = 9  # of m5.large
ATTACH_WAIT = 60

ec2 = boto3.client("ec2", config=Config(retries={"total_max_attempts": 3}))


def demand(so, message):
    if not so:
        sys.exit(message)


def code(call, **parameters):
    """The code of EC2's refusal; "" when there was none."""
    try:
        call(**parameters)
    except ClientError as refused:
        return refused.response["Error"]["Code"]
    return ""


def filters(**values):
    return [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in values.items()]


class Controller:
    def __init__(self, instance, group):
        self.instance = instance
        self.group = group
        self.branches = []

    def describe_instance(self):
        reservation = ec2.describe_instances(InstanceIds=[self.instance])["Reservations"][0]
        self.account = reservation["OwnerId"]
        return reservation["Instances"][0]

    def start_node(self):
        """Finds the instance and gives it a trunk."""
        self.subnet = self.describe_instance()["SubnetId"]
        subnet = ec2.describe_subnets(SubnetIds=[self.subnet])["Subnets"][0]
        demand(subnet["CidrBlock"], "the subnet has no CIDR block")
        # Each interface shown has to have a device index.
        used = {eni["Attachment"]["DeviceIndex"] for eni in self.describe_instance()["NetworkInterfaces"]}
        index = max(set(range(MAX_ENIS)) - used)
        print(f"node found, device index {index} is free")

        self.trunk = self.create("aws-k8s-trunk-eni", {}, InterfaceType="trunk")
        attachment = ec2.attach_network_interface(
            InstanceId=self.instance, NetworkInterfaceId=self.trunk, DeviceIndex=index
        )["AttachmentId"]
        ec2.modify_network_interface_attribute(
            NetworkInterfaceId=self.trunk, Attachment={"AttachmentId": attachment, "DeleteOnTermination": True}
        )
        wait, end = 1, time.monotonic() + ATTACH_WAIT
        while True:
            eni = ec2.describe_network_interfaces(NetworkInterfaceIds=[self.trunk])["NetworkInterfaces"][0]
            if eni.get("Attachment", {}).get("Status") == "attached":
                demand(eni["Attachment"]["DeleteOnTermination"], "the trunk would stay after its instance")
                break
            demand(time.monotonic() < end, f"the trunk is not attached after {ATTACH_WAIT} s")
            time.sleep(wait)
            wait *= 2
        print("trunk attached")

        shown = self.describe_instance()["NetworkInterfaces"]
        trunks = [eni["NetworkInterfaceId"] for eni in shown if eni["InterfaceType"] == "trunk"]
        demand(trunks == [self.trunk], f"the instance shows the trunks {trunks}, not {self.trunk}")
        print("instance shows its trunk")

    def start_pods(self):
        """Gives branches to pods until the trunk is full."""
        for vlan in (1, 2, 3):
            self.add(self.create_branch(vlan), vlan)
        print("3 pods have branches")

        eni = self.create_branch(4)
        demand(self.refusal(eni, 1) == "InvalidParameterValue", "VLAN 1 was given twice")
        self.add(eni, 4)
        print("VLAN 1 is in use, the next free one is not")

        for vlan in range(5, BRANCHES + 1):
            self.add(self.create_branch(vlan), vlan)
        eni = self.create_branch(BRANCHES + 1)
        demand(
            self.refusal(eni, BRANCHES + 1) == "InvalidParameterValue", f"the trunk took more than {BRANCHES} branches"
        )
        ec2.delete_network_interface(NetworkInterfaceId=eni)
        print(f"trunk full at {BRANCHES} branches")

    def restart(self):
        """Finds the branches again by their tags, page by page."""
        self.describe_instance()
        found, pages = {}, 0
        pager = ec2.get_paginator("describe_network_interfaces").paginate(
            Filters=filters(**{f"tag:{TAG_TRUNK}": self.trunk, "subnet-id": self.subnet}),
            PaginationConfig={"PageSize": 5},
        )
        for page in pager:
            pages += 1
            for eni in page["NetworkInterfaces"]:
                demand(eni["InterfaceType"] == "branch", f"{eni['NetworkInterfaceId']} is a {eni['InterfaceType']}")
                demand("Attachment" not in eni, f"the branch {eni['NetworkInterfaceId']} has an attachment")
                tags = {tag["Key"]: tag["Value"] for tag in eni["TagSet"]}
                found[eni["NetworkInterfaceId"]] = tags.get(TAG_VLAN)
        for eni, _, vlan in self.branches:
            demand(found.get(eni) == str(vlan), f"the branch {eni} is tagged with VLAN {found.get(eni)}, not {vlan}")
        print(f"{len(found)} branches found again by their tags, on {pages} pages")

    def stop_pods(self):
        """Takes away the branches; what is gone already is no failure."""
        eni, association, _ = self.branches[0]
        ec2.disassociate_trunk_interface(AssociationId=association)
        again = code(ec2.disassociate_trunk_interface, AssociationId=association)
        demand(again == "InvalidAssociationID.NotFound", f"disassociated twice: {again}")
        ec2.delete_network_interface(NetworkInterfaceId=eni)
        for attempt in range(5):
            again = code(ec2.delete_network_interface, NetworkInterfaceId=eni)
            demand(again == "InvalidNetworkInterfaceID.NotFound", f"deleted {attempt + 2} times: {again}")
        print("a pod's branch is gone, and stays so")

        # Without its association's id, a branch can only be deleted outright.
        for eni, _, _ in self.branches[1:]:
            ec2.delete_network_interface(NetworkInterfaceId=eni)
        print(f"{len(self.branches) - 1} branches deleted outright")

    def collect(self):
        """Deletes what two looks in a row saw unused."""
        left = sorted(self.create_branch(vlan) for vlan in (1, 2))
        for turn in (1, 2):
            end = time.monotonic() + 10
            while len(seen := self.available()) != len(left) and time.monotonic() < end:
                time.sleep(0.1)
            demand(seen == left, f"round {turn} saw {seen} available, not {left}")
        for eni in left:
            ec2.delete_network_interface(NetworkInterfaceId=eni)
        print(f"{len(left)} left behind are deleted after two rounds")

    def available(self):
        wanted = {"status": "available", f"tag:{TAG_OWNER}": OWNER, f"tag:{TAG_TRUNK}": self.trunk}
        page = ec2.describe_network_interfaces(Filters=filters(**wanted), MaxResults=1000)
        return sorted(eni["NetworkInterfaceId"] for eni in page["NetworkInterfaces"])

    def create_branch(self, vlan):
        return self.create(
            "aws-k8s-branch-eni",
            {
                TAG_VLAN: str(vlan),
                TAG_TRUNK: self.trunk,
                "node.k8s.amazonaws.com/instance_id": self.instance,
                "kubernetes.io/cluster/test": "owned",
            },
        )

    def create(self, description, tags, **others):
        tags = [{"Key": key, "Value": value} for key, value in {TAG_OWNER: OWNER, **tags}.items()]
        eni = ec2.create_network_interface(
            SubnetId=self.subnet,
            Groups=[self.group],
            Description=description,
            TagSpecifications=[{"ResourceType": "network-interface", "Tags": tags}],
            **others,
        )["NetworkInterface"]
        # All that the pod's annotation needs is taken from this answer.
        demand(eni["MacAddress"] and eni["PrivateIpAddress"], "no address in the answer to a create")
        permission = ec2.create_network_interface_permission(
            NetworkInterfaceId=eni["NetworkInterfaceId"], AwsAccountId=self.account, Permission="INSTANCE-ATTACH"
        )["InterfacePermission"]
        demand(permission["NetworkInterfaceId"] == eni["NetworkInterfaceId"], "a permission for another ENI")
        return eni["NetworkInterfaceId"]

    def add(self, eni, vlan):
        association = ec2.associate_trunk_interface(
            BranchInterfaceId=eni, TrunkInterfaceId=self.trunk, VlanId=vlan
        )["InterfaceAssociation"]
        demand(association["VlanId"] == vlan, "another VLAN than was asked for")
        self.branches.append((eni, association["AssociationId"], vlan))

    def refusal(self, eni, vlan):
        return code(
            ec2.associate_trunk_interface, BranchInterfaceId=eni, TrunkInterfaceId=self.trunk, VlanId=vlan
        )


def main(instance, group):
    controller = Controller(instance, group)
    controller.start_node()
    controller.start_pods()
    controller.restart()
    controller.stop_pods()
    controller.collect()


if __name__ == "__main__":
    main(*sys.argv[1:])
