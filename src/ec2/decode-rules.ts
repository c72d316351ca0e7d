import type * as sdk from "@aws-sdk/client-ec2";
import type {
  NetworkAcl,
  NetworkAclEntry,
  PrefixList,
  Route,
  RouteTable,
  RulePeer,
  SecurityGroupRule,
} from "./types.ts";

/** What decides whether packets pass, out of the SDK's types. */

/** Ports of a rule for all traffic are -1, of which ICMP makes any type or code. */
const ALL = -1;

export function readRule(rule: sdk.SecurityGroupRule): SecurityGroupRule {
  return {
    id: rule.SecurityGroupRuleId ?? "",
    group: rule.GroupId ?? "",
    isEgress: rule.IsEgress ?? false,
    protocol: rule.IpProtocol ?? "",
    fromPort: unlessAll(rule.FromPort),
    toPort: unlessAll(rule.ToPort),
    peer: peerOf(rule),
    description: rule.Description ?? "",
  };
}

function peerOf({ CidrIpv4, CidrIpv6, PrefixListId, ReferencedGroupInfo }: sdk.SecurityGroupRule): RulePeer {
  if (PrefixListId !== undefined) return { kind: "prefix-list", id: PrefixListId };
  if (ReferencedGroupInfo !== undefined) {
    return { kind: "group", id: ReferencedGroupInfo.GroupId ?? "", account: ReferencedGroupInfo.UserId };
  }
  return { kind: "cidr", cidr: CidrIpv4 ?? CidrIpv6 ?? "" };
}

export function readPrefixList(list: sdk.ManagedPrefixList): PrefixList {
  return {
    id: list.PrefixListId ?? "",
    name: list.PrefixListName ?? "",
    family: list.AddressFamily ?? "",
    maxEntries: list.MaxEntries,
  };
}

export function readNetworkAcl(acl: sdk.NetworkAcl): NetworkAcl {
  return {
    id: acl.NetworkAclId ?? "",
    vpc: acl.VpcId ?? "",
    isDefault: acl.IsDefault ?? false,
    subnets: (acl.Associations ?? []).flatMap(({ SubnetId }) => SubnetId ?? []),
    entries: (acl.Entries ?? []).map(readEntry).sort((a, b) => a.number - b.number),
  };
}

function readEntry(entry: sdk.NetworkAclEntry): NetworkAclEntry {
  return {
    number: entry.RuleNumber ?? 0,
    isEgress: entry.Egress ?? false,
    allows: entry.RuleAction === "allow",
    protocol: entry.Protocol ?? "",
    cidr: entry.CidrBlock ?? entry.Ipv6CidrBlock ?? "",
    ...portsOf(entry),
  };
}

/** As EC2 evaluates an entry: what it has beside what its protocol has does not count. Of ICMP they are type and code. */
function portsOf({
  Protocol,
  PortRange,
  IcmpTypeCode,
}: sdk.NetworkAclEntry): Pick<NetworkAclEntry, "fromPort" | "toPort"> {
  switch (Protocol) {
    case "6":
    case "17":
      return { fromPort: PortRange?.From, toPort: PortRange?.To };
    case "1":
    case "58":
      return { fromPort: unlessAll(IcmpTypeCode?.Type), toPort: unlessAll(IcmpTypeCode?.Code) };
    case undefined:
    default:
      return { fromPort: undefined, toPort: undefined };
  }
}

function unlessAll(number: number | undefined): number | undefined {
  return number === ALL ? undefined : number;
}

export function readRouteTable(table: sdk.RouteTable): RouteTable {
  const associations = table.Associations ?? [];
  return {
    id: table.RouteTableId ?? "",
    vpc: table.VpcId ?? "",
    isMain: associations.some(({ Main }) => Main === true),
    subnets: associations.flatMap(({ SubnetId }) => SubnetId ?? []),
    routes: (table.Routes ?? []).map(readRoute),
  };
}

function readRoute(route: sdk.Route): Route {
  const targets = [
    // A gateway of any kind; `local` is one, too.
    route.GatewayId,
    route.NatGatewayId,
    route.TransitGatewayId,
    route.VpcPeeringConnectionId,
    route.EgressOnlyInternetGatewayId,
    route.LocalGatewayId,
    route.CarrierGatewayId,
    route.CoreNetworkArn,
    // Of an instance there are both.
    route.NetworkInterfaceId,
    route.InstanceId,
  ];
  return {
    destination:
      route.DestinationCidrBlock ?? route.DestinationIpv6CidrBlock ?? route.DestinationPrefixListId ?? "",
    target: targets.find((one) => one !== undefined) ?? "",
    isActive: route.State !== "blackhole",
  };
}
