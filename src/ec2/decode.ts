import type * as sdk from "@aws-sdk/client-ec2";
import type {
  Attachment,
  ConnectionTracking,
  Instance,
  InstanceInterface,
  NetworkInterface,
  SecurityGroup,
  Subnet,
  Tags,
  TrunkAssociation,
} from "./types.ts";

/** EC2's answers as our types. What EC2 always gives is taken as there: absent texts become empty. */

export function readInterface(eni: sdk.NetworkInterface): NetworkInterface {
  const attachment = eni.Attachment === undefined ? undefined : readAttachment(eni.Attachment);
  const tracking = readTracking(eni.ConnectionTrackingConfiguration);
  return {
    id: eni.NetworkInterfaceId ?? "",
    type: eni.InterfaceType ?? "interface",
    status: eni.Status ?? "",
    mac: eni.MacAddress ?? "",
    ...readAddresses(eni),
    groups: readGroups(eni.Groups),
    subnet: eni.SubnetId ?? "",
    vpc: eni.VpcId ?? "",
    zone: eni.AvailabilityZone ?? "",
    ...(attachment === undefined ? {} : { attachment }),
    ...(tracking === undefined ? {} : { tracking }),
    tags: readTags(eni.TagSet),
  };
}

function readAddresses(eni: sdk.NetworkInterface | sdk.InstanceNetworkInterface) {
  // The primary first: EC2 does not promise an order.
  const sorted = [...(eni.PrivateIpAddresses ?? [])].sort(
    (a, b) => Number(b.Primary ?? false) - Number(a.Primary ?? false),
  );
  const prefixes = [
    ...(eni.Ipv4Prefixes ?? []).flatMap(({ Ipv4Prefix }) => Ipv4Prefix ?? []),
    ...(eni.Ipv6Prefixes ?? []).flatMap(({ Ipv6Prefix }) => Ipv6Prefix ?? []),
  ];
  const publicAddress = eni.Association?.PublicIp;
  return {
    ipv4: sorted.flatMap(({ PrivateIpAddress }) => PrivateIpAddress ?? []),
    ipv6: (eni.Ipv6Addresses ?? []).flatMap(({ Ipv6Address }) => Ipv6Address ?? []),
    ...(prefixes.length > 0 && { prefixes }),
    ...(publicAddress !== undefined && { publicAddress }),
  };
}

function readGroups(groups: readonly sdk.GroupIdentifier[] | undefined): string[] {
  return (groups ?? []).flatMap(({ GroupId }) => GroupId ?? []);
}

/** Undefined when nothing is set: an empty element arrives as a configuration without times. */
function readTracking(
  tracking: sdk.ConnectionTrackingConfiguration | undefined,
): ConnectionTracking | undefined {
  const {
    TcpEstablishedTimeout: tcpEstablished,
    UdpTimeout: udp,
    UdpStreamTimeout: udpStream,
  } = tracking ?? {};
  if (tcpEstablished === undefined && udp === undefined && udpStream === undefined) return undefined;
  return {
    ...(tcpEstablished !== undefined && { tcpEstablished }),
    ...(udp !== undefined && { udp }),
    ...(udpStream !== undefined && { udpStream }),
  };
}

/** An empty element arrives as an attachment without an id, and means none. */
function readAttachment(attachment: sdk.NetworkInterfaceAttachment): Attachment | undefined {
  if (attachment.AttachmentId === undefined) return undefined;
  return {
    id: attachment.AttachmentId,
    instance: attachment.InstanceId,
    deviceIndex: attachment.DeviceIndex ?? 0,
    status: attachment.Status ?? "",
    attachedAt: attachment.AttachTime?.getTime(),
    deleteOnTermination: attachment.DeleteOnTermination ?? false,
  };
}

function readTags(tags: readonly sdk.Tag[] | undefined): Tags {
  return Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key ?? "", Value ?? ""]));
}

export function readAssociation(association: sdk.TrunkInterfaceAssociation): TrunkAssociation {
  return {
    id: association.AssociationId ?? "",
    branch: association.BranchInterfaceId ?? "",
    trunk: association.TrunkInterfaceId ?? "",
    vlan: association.VlanId ?? 0,
  };
}

export function readInstance(instance: sdk.Instance): Instance {
  return {
    id: instance.InstanceId ?? "",
    type: instance.InstanceType ?? "",
    state: instance.State?.Name ?? "",
    subnet: instance.SubnetId ?? "",
    vpc: instance.VpcId ?? "",
    zone: instance.Placement?.AvailabilityZone ?? "",
    interfaces: (instance.NetworkInterfaces ?? []).map(readInstanceInterface),
  };
}

function readInstanceInterface(eni: sdk.InstanceNetworkInterface): InstanceInterface {
  const tracking = readTracking(eni.ConnectionTrackingConfiguration);
  return {
    id: eni.NetworkInterfaceId ?? "",
    type: eni.InterfaceType ?? "interface",
    mac: eni.MacAddress ?? "",
    ...readAddresses(eni),
    groups: readGroups(eni.Groups),
    subnet: eni.SubnetId ?? "",
    deviceIndex: eni.Attachment?.DeviceIndex ?? 0,
    ...(tracking === undefined ? {} : { tracking }),
  };
}

export function readSubnet(subnet: sdk.Subnet): Subnet {
  return {
    id: subnet.SubnetId ?? "",
    vpc: subnet.VpcId ?? "",
    zone: subnet.AvailabilityZone ?? "",
    cidr: subnet.CidrBlock ?? "",
    ipv6Cidrs: (subnet.Ipv6CidrBlockAssociationSet ?? [])
      .filter(({ Ipv6CidrBlockState }) => Ipv6CidrBlockState?.State === "associated")
      .flatMap(({ Ipv6CidrBlock }) => Ipv6CidrBlock ?? []),
    freeAddresses: subnet.AvailableIpAddressCount ?? 0,
  };
}

export function readGroup(group: sdk.SecurityGroup): SecurityGroup {
  return {
    id: group.GroupId ?? "",
    name: group.GroupName ?? "",
    vpc: group.VpcId ?? "",
    tags: readTags(group.Tags),
  };
}
