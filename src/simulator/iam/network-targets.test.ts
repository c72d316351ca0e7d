import { expect, test } from "vitest";
import { textAt } from "../model/operation.ts";
import type { ParamTree } from "../model/params.ts";
import { Simulator } from "../model/simulator.ts";
import { emptyWorld } from "../model/world.ts";
import { Authorizer } from "./authorizer.ts";
import { readPolicy } from "./policy.ts";

const ANY = "arn:aws:ec2:*:*";
const tags = (type: string): ParamTree => ({
  TagSpecification: { "1": { ResourceType: type, Tag: { "1": { Key: "owner", Value: "us" } } } },
});

/** A world with one of each, and the ids of what requests name. */
function ground() {
  const world = emptyWorld(1);
  world.settings.throttling = false;
  const simulator = new Simulator(world);
  const call = (action: string, tree: ParamTree) =>
    simulator.execute(action, { Version: "2016-11-15", ...tree }, 0);
  const vpc = textAt(call("CreateVpc", { CidrBlock: "10.0.0.0/16" }), "vpc", "vpcId");
  const subnet = textAt(call("CreateSubnet", { VpcId: vpc, CidrBlock: "10.0.0.0/24" }), "subnet", "subnetId");
  const wanted = { PrefixListName: "a", AddressFamily: "IPv4", MaxEntries: "1", ...tags("prefix-list") };
  const list = textAt(call("CreateManagedPrefixList", wanted), "prefixList", "prefixListId");
  const acl = textAt(
    call("CreateNetworkAcl", { VpcId: vpc, ...tags("network-acl") }),
    "networkAcl",
    "networkAclId",
  );
  const table = textAt(
    call("CreateRouteTable", { VpcId: vpc, ...tags("route-table") }),
    "routeTable",
    "routeTableId",
  );
  const association = world.subnets.get(subnet)?.acl.association ?? "";
  return { simulator, vpc, subnet, list, acl, table, association };
}

type Ground = ReturnType<typeof ground>;

/** Whether a policy of one statement allows the request. */
function isAllowed(
  { simulator }: Ground,
  statement: Record<string, unknown>,
  action: string,
  tree: ParamTree,
): boolean {
  const Statement = [{ Effect: "Allow", Action: `ec2:${action}`, ...statement }];
  const authorizer = new Authorizer(readPolicy(JSON.stringify({ Version: "2012-10-17", Statement })));
  try {
    simulator.execute(action, { Version: "2016-11-15", ...tree }, 0, undefined, (...request) =>
      authorizer.check(...request),
    );
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "UnauthorizedOperation") return false;
    throw error;
  }
}

test.each<[string, readonly string[], (of: Ground) => ParamTree]>([
  ["GetManagedPrefixListEntries", ["prefix-list"], ({ list }) => ({ PrefixListId: list })],
  ["ModifyManagedPrefixList", ["prefix-list"], ({ list }) => ({ PrefixListId: list, PrefixListName: "b" })],
  ["DeleteManagedPrefixList", ["prefix-list"], ({ list }) => ({ PrefixListId: list })],
  [
    "CreateManagedPrefixList",
    ["prefix-list"],
    () => ({ PrefixListName: "b", AddressFamily: "IPv4", MaxEntries: "1" }),
  ],
  ["CreateNetworkAcl", ["network-acl", "vpc"], ({ vpc }) => ({ VpcId: vpc })],
  ["DeleteNetworkAcl", ["network-acl"], ({ acl }) => ({ NetworkAclId: acl })],
  [
    "CreateNetworkAclEntry",
    ["network-acl"],
    ({ acl }) => ({
      NetworkAclId: acl,
      RuleNumber: "1",
      Egress: "true",
      Protocol: "-1",
      RuleAction: "deny",
      CidrBlock: "10.0.0.0/8",
    }),
  ],
  [
    "ReplaceNetworkAclAssociation",
    ["network-acl", "subnet"],
    ({ acl, association }) => ({ NetworkAclId: acl, AssociationId: association }),
  ],
  ["CreateRouteTable", ["route-table", "vpc"], ({ vpc }) => ({ VpcId: vpc })],
  ["DeleteRouteTable", ["route-table"], ({ table }) => ({ RouteTableId: table })],
  [
    "CreateRoute",
    ["route-table"],
    ({ table }) => ({
      RouteTableId: table,
      DestinationCidrBlock: "0.0.0.0/0",
      NatGatewayId: "nat-0123456789abcdef0",
    }),
  ],
  [
    "AssociateRouteTable",
    ["route-table", "subnet"],
    ({ table, subnet }) => ({ RouteTableId: table, SubnetId: subnet }),
  ],
])("%s has to be allowed for %j", (action, types, treeOf) => {
  const arns = types.map((type) => `${ANY}:${type}/*`);
  const attempt = (statement: Record<string, unknown>) => {
    const fresh = ground();
    return isAllowed(fresh, statement, action, treeOf(fresh));
  };
  expect(attempt({ Resource: arns })).toBe(true);
  for (const missing of arns) {
    const others = arns.filter((arn) => arn !== missing);
    expect(attempt({ Resource: others.length === 0 ? `${ANY}:volume/*` : others })).toBe(false);
  }
});

test("a condition may ask for a tag of what is named, and descriptions are allowed for everything alone", () => {
  const of = (key: string) => ({
    Resource: "*",
    Condition: { StringEquals: { [`aws:ResourceTag/${key}`]: "us" } },
  });
  const fresh = ground();
  const tree = { PrefixListId: fresh.list };
  expect(isAllowed(fresh, of("owner"), "GetManagedPrefixListEntries", tree)).toBe(true);
  expect(isAllowed(fresh, of("other"), "GetManagedPrefixListEntries", tree)).toBe(false);
  const arn = { Resource: `${ANY}:network-acl/*` };
  expect(isAllowed(fresh, arn, "DescribeNetworkAcls", {})).toBe(false);
  expect(isAllowed(fresh, { Resource: "*" }, "DescribeNetworkAcls", {})).toBe(true);
});

test("tags of what is made need CreateTags, by the call that makes it", () => {
  const tree = { PrefixListName: "b", AddressFamily: "IPv4", MaxEntries: "1", ...tags("prefix-list") };
  const both = ["ec2:CreateManagedPrefixList", "ec2:CreateTags"];
  expect(isAllowed(ground(), { Resource: "*" }, "CreateManagedPrefixList", tree)).toBe(false);
  expect(isAllowed(ground(), { Action: both, Resource: "*" }, "CreateManagedPrefixList", tree)).toBe(true);
});
