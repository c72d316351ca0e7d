import { expect, test } from "vitest";
import { changeSettings } from "./settings.ts";
import { Simulator } from "./simulator.ts";
import type { ParamTree } from "./params.ts";
import { emptyWorld } from "./world.ts";

const VERSION = { Version: "2016-11-15" };
const rule = (port: string): ParamTree => ({
  IpPermissions: {
    "1": { IpProtocol: "tcp", FromPort: port, ToPort: port, IpRanges: { "1": { CidrIp: "10.0.0.0/8" } } },
  },
});
const entryTree = (acl: string, number: string): ParamTree => ({
  NetworkAclId: acl,
  RuleNumber: number,
  Egress: "false",
  Protocol: "-1",
  RuleAction: "allow",
  CidrBlock: "10.0.0.0/8",
});

test.each<[string, Record<string, number>, string, string, (ids: Record<string, string>) => ParamTree]>([
  ["VPCs", { vpcs: 1 }, "VpcLimitExceeded", "CreateVpc", () => ({ CidrBlock: "10.1.0.0/16" })],
  [
    "subnets of a VPC",
    { subnetsPerVpc: 1 },
    "SubnetLimitExceeded",
    "CreateSubnet",
    ({ vpc = "" }) => ({ VpcId: vpc, CidrBlock: "10.0.1.0/24" }),
  ],
  [
    "interfaces",
    { interfaces: 1 },
    "NetworkInterfaceLimitExceeded",
    "CreateNetworkInterface",
    ({ subnet = "" }) => ({ SubnetId: subnet }),
  ],
  [
    "groups of a VPC",
    { groupsPerVpc: 2 },
    "SecurityGroupLimitExceeded",
    "CreateSecurityGroup",
    ({ vpc = "" }) => ({ VpcId: vpc, GroupName: "b", GroupDescription: "b" }),
  ],
  [
    "groups of an interface",
    { groupsPerInterface: 1 },
    "SecurityGroupsPerInterfaceLimitExceeded",
    "ModifyNetworkInterfaceAttribute",
    ({ eni = "", group = "", defaultGroup = "" }) => ({
      NetworkInterfaceId: eni,
      SecurityGroupId: { "1": group, "2": defaultGroup },
    }),
  ],
  [
    "rules of a group",
    { rulesPerGroup: 1 },
    "RulesPerSecurityGroupLimitExceeded",
    "AuthorizeSecurityGroupIngress",
    ({ group = "" }) => ({ GroupId: group, ...rule("81") }),
  ],
  [
    "rules of a group, in which a prefix list counts as its maximum of entries",
    { rulesPerGroup: 3 },
    "RulesPerSecurityGroupLimitExceeded",
    "AuthorizeSecurityGroupIngress",
    ({ group = "", list = "" }) => ({
      GroupId: group,
      IpPermissions: { "1": { IpProtocol: "-1", PrefixListIds: { "1": { PrefixListId: list } } } },
    }),
  ],
  [
    "prefix lists",
    { prefixLists: 1 },
    "PrefixListLimitExceeded",
    "CreateManagedPrefixList",
    () => ({ PrefixListName: "b", AddressFamily: "IPv4", MaxEntries: "1" }),
  ],
  [
    "entries of a prefix list",
    { entriesPerPrefixList: 3 },
    "InvalidParameterValue",
    "ModifyManagedPrefixList",
    ({ list = "" }) => ({ PrefixListId: list, MaxEntries: "4" }),
  ],
  [
    "network ACLs of a VPC",
    { networkAclsPerVpc: 2 },
    "NetworkAclLimitExceeded",
    "CreateNetworkAcl",
    ({ vpc = "" }) => ({ VpcId: vpc }),
  ],
  [
    "entries of a network ACL, the last included",
    { entriesPerNetworkAcl: 2 },
    "NetworkAclEntryLimitExceeded",
    "CreateNetworkAclEntry",
    ({ acl = "" }) => entryTree(acl, "2"),
  ],
  [
    "route tables of a VPC",
    { routeTablesPerVpc: 2 },
    "RouteTableLimitExceeded",
    "CreateRouteTable",
    ({ vpc = "" }) => ({ VpcId: vpc }),
  ],
  [
    "routes of a table, in which a prefix list counts as its maximum of entries",
    { routesPerTable: 3 },
    "RouteLimitExceeded",
    "CreateRoute",
    ({ table = "", list = "" }) => ({
      RouteTableId: table,
      DestinationPrefixListId: list,
      NatGatewayId: "nat-0123456789abcdef0",
    }),
  ],
])("the quota of %s: the last is taken, one more is refused", (_, quotas, code, action, treeOf) => {
  const world = emptyWorld(1);
  changeSettings(world.settings, { throttling: false });
  const simulator = new Simulator(world);
  const call = (name: string, tree: ParamTree) => simulator.execute(name, { ...VERSION, ...tree }, 0);
  changeSettings(world.settings, { quotas });
  call("CreateVpc", { CidrBlock: "10.0.0.0/16" });
  const [vpc = ""] = world.vpcs.keys();
  call("CreateSubnet", { VpcId: vpc, CidrBlock: "10.0.0.0/24" });
  const [subnet = ""] = world.subnets.keys();
  call("CreateSecurityGroup", { VpcId: vpc, GroupName: "a", GroupDescription: "a" });
  const [defaultGroup = "", group = ""] = world.groups.keys();
  call("AuthorizeSecurityGroupIngress", { GroupId: group, ...rule("80") });
  call("CreateNetworkInterface", { SubnetId: subnet });
  const [eni = ""] = world.interfaces.keys();
  call("CreateManagedPrefixList", { PrefixListName: "a", AddressFamily: "IPv4", MaxEntries: "3" });
  const [list = ""] = world.prefixLists.keys();
  call("CreateNetworkAcl", { VpcId: vpc });
  const [, acl = ""] = world.networkAcls.keys();
  call("CreateNetworkAclEntry", entryTree(acl, "1"));
  call("CreateRouteTable", { VpcId: vpc });
  const [, table = ""] = world.routeTables.keys();
  const tree = treeOf({ vpc, subnet, group, defaultGroup, eni, list, acl, table });
  expect(() => call(action, tree)).toThrow(expect.objectContaining({ code }));
  changeSettings(world.settings, {
    quotas: Object.fromEntries(Object.keys(quotas).map((name) => [name, 9])),
  });
  expect(() => call(action, tree)).not.toThrow();
});
