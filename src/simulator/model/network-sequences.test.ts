import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Tally, patience, runs } from "../../../test/fuzz/runs.ts";
import { familyOf } from "../../values/ip.ts";
import { Ec2Error } from "./error.ts";
import type { ParamTree } from "./params.ts";
import { Simulator } from "./simulator.ts";
import type { World } from "./types.ts";
import { emptyWorld } from "./world.ts";

/** Prefix lists, network ACLs and route tables, with what names them, in whatever order. */
const ACTIONS = [
  "CreateManagedPrefixList",
  "ModifyManagedPrefixList",
  "ResizeManagedPrefixList",
  "DeleteManagedPrefixList",
  "CreateNetworkAcl",
  "DeleteNetworkAcl",
  "CreateNetworkAclEntry",
  "ReplaceNetworkAclEntry",
  "DeleteNetworkAclEntry",
  "ReplaceNetworkAclAssociation",
  "CreateRouteTable",
  "DeleteRouteTable",
  "AssociateRouteTable",
  "DisassociateRouteTable",
  "CreateRoute",
  "DeleteRoute",
  "AuthorizeSecurityGroupIngress",
  "RevokeSecurityGroupIngress",
  "CreateSubnet",
  "DeleteSubnet",
  "CreateVpc",
  "DeleteVpc",
];

interface Step {
  readonly action: string;
  readonly a: number;
  readonly b: number;
  readonly n: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  action: fc.constantFrom(
    ...ACTIONS,
    "CreateManagedPrefixList",
    "ModifyManagedPrefixList",
    "CreateNetworkAclEntry",
  ),
  a: fc.nat(1000),
  b: fc.nat(1000),
  n: fc.nat(7),
});

function pick<T>(of: Iterable<T>, which: number): T | undefined {
  const all = [...of];
  return all[which % Math.max(1, all.length)];
}

const idOf = (map: ReadonlyMap<string, unknown>, which: number, other: string): string =>
  pick(map.keys(), which) ?? other;

function blockOf(n: number, family: 4 | 6): string {
  return family === 4 ? `10.${n}.0.0/16` : `2001:db8:${n}::/48`;
}

function requestOf(world: World, { action, a, b, n }: Step): [string, ParamTree] {
  const listId = idOf(world.prefixLists, a, "pl-0123456789abcdef0");
  const vpc = idOf(world.vpcs, a, "vpc-0123456789abcdef0");
  const subnet = pick(world.subnets.values(), b);
  const group = idOf(world.groups, b, "sg-0123456789abcdef0");
  const acl = idOf(world.networkAcls, a, "acl-0123456789abcdef0");
  const table = idOf(world.routeTables, a, "rtb-0123456789abcdef0");
  const family = world.prefixLists.get(listId)?.family ?? 4;
  const entry = {
    NetworkAclId: acl,
    // Where numbers end, too.
    RuleNumber: String(n < 5 ? n : 32_762 + n),
    Egress: String(b % 2 === 0),
    Protocol: "-1",
    RuleAction: b % 3 === 0 ? "deny" : "allow",
    ...(n % 2 === 0 ? { CidrBlock: "10.0.0.0/8" } : { Ipv6CidrBlock: "::/0" }),
  };
  const permission = {
    GroupId: group,
    IpPermissions: { "1": { IpProtocol: "-1", PrefixListIds: { "1": { PrefixListId: listId } } } },
  };
  const destination =
    n < 2
      ? { DestinationPrefixListId: listId }
      : { DestinationCidrBlock: n === 2 ? "10.0.0.0/16" : `192.0.${n}.0/24` };
  switch (action) {
    case "CreateManagedPrefixList":
      return [
        action,
        {
          PrefixListName: `list-${b}`,
          AddressFamily: b % 2 === 0 ? "IPv4" : "IPv6",
          MaxEntries: String(n),
          Entry: { "1": { Cidr: blockOf(n, b % 2 === 0 ? 4 : 6) } },
          ClientToken: `token-${b % 20}`,
        },
      ];
    case "ModifyManagedPrefixList":
      return [
        action,
        {
          PrefixListId: listId,
          ...(b % 3 === 0 ? { CurrentVersion: String(n) } : {}),
          ...(b % 2 === 0 ? { AddEntry: { "1": { Cidr: blockOf(n, family) } } } : {}),
          ...(b % 5 < 2 ? { RemoveEntry: { "1": { Cidr: blockOf(b % 8, family) } } } : {}),
        },
      ];
    case "ResizeManagedPrefixList":
      return ["ModifyManagedPrefixList", { PrefixListId: listId, MaxEntries: String(n * 10) }];
    case "DeleteManagedPrefixList":
      return [action, { PrefixListId: listId }];
    case "CreateNetworkAcl":
      return [action, { VpcId: vpc, ClientToken: `token-${b % 20}` }];
    case "DeleteNetworkAcl":
      return [action, { NetworkAclId: acl }];
    case "CreateNetworkAclEntry":
    case "ReplaceNetworkAclEntry":
      return [action, entry];
    case "DeleteNetworkAclEntry":
      return [action, { NetworkAclId: acl, RuleNumber: entry.RuleNumber, Egress: entry.Egress }];
    case "ReplaceNetworkAclAssociation":
      return [
        action,
        { NetworkAclId: acl, AssociationId: subnet?.acl.association ?? "aclassoc-0123456789abcdef0" },
      ];
    case "CreateRouteTable":
      return [action, { VpcId: vpc, ClientToken: `token-${b % 20}` }];
    case "DeleteRouteTable":
      return [action, { RouteTableId: table }];
    case "AssociateRouteTable":
      return [action, { RouteTableId: table, SubnetId: subnet?.id ?? "subnet-0123456789abcdef0" }];
    case "DisassociateRouteTable": {
      const main = world.routeTables.get(table)?.main;
      return [
        action,
        { AssociationId: subnet?.routeTable?.association ?? main ?? "rtbassoc-0123456789abcdef0" },
      ];
    }
    case "CreateRoute":
      return [action, { RouteTableId: table, ...destination, NatGatewayId: "nat-0123456789abcdef0" }];
    case "DeleteRoute":
      return [action, { RouteTableId: table, ...destination }];
    case "AuthorizeSecurityGroupIngress":
    case "RevokeSecurityGroupIngress":
      return [action, permission];
    case "CreateSubnet":
      return [action, { VpcId: vpc, CidrBlock: `10.0.${b % 16}.0/24` }];
    case "DeleteSubnet":
      return [action, { SubnetId: subnet?.id ?? "subnet-0123456789abcdef0" }];
    case "CreateVpc":
      return [action, { CidrBlock: "10.0.0.0/16", AmazonProvidedIpv6CidrBlock: String(n % 2 === 0) }];
    default:
      return [action, { VpcId: vpc }];
  }
}

/** What must hold whatever was done: read from the state alone. */
function broken({ vpcs, subnets, groups, prefixLists, networkAcls, routeTables, settings }: World): string[] {
  const defects: string[] = [];
  const unique = (what: string, values: readonly unknown[]) => {
    if (new Set(values).size < values.length) defects.push(`${what} twice: ${values.join(", ")}`);
  };
  unique("association", [
    ...[...subnets.values()].flatMap(({ acl, routeTable }) => [
      acl.association,
      ...(routeTable === undefined ? [] : [routeTable.association]),
    ]),
    ...[...routeTables.values()].flatMap(({ main }) => main ?? []),
  ]);
  for (const { id, vpc, acl, routeTable } of subnets.values()) {
    if (networkAcls.get(acl.id)?.vpc !== vpc) defects.push(`${id} has ${acl.id}`);
    if (routeTable !== undefined && routeTables.get(routeTable.id)?.vpc !== vpc)
      defects.push(`${id} has ${routeTable.id}`);
  }
  for (const { id, cidr, ipv6Cidr } of vpcs.values()) {
    const acls = [...networkAcls.values()].filter((acl) => acl.vpc === id && acl.isDefault);
    const mains = [...routeTables.values()].filter(({ vpc, main }) => vpc === id && main !== undefined);
    if (acls.length !== 1 || mains.length !== 1) defects.push(`${id} has ${acls.length} and ${mains.length}`);
    for (const table of [...routeTables.values()].filter(({ vpc }) => vpc === id)) {
      const local = table.routes.filter(({ target }) => target.kind === "local");
      const blocks = [cidr, ...(ipv6Cidr === undefined ? [] : [ipv6Cidr])];
      if (local.map(({ destination }) => destination).join(" ") !== blocks.join(" "))
        defects.push(`${table.id} has lost a local route`);
    }
  }
  for (const { id, vpc, entries } of networkAcls.values()) {
    if (!vpcs.has(vpc)) defects.push(`${id} is in no VPC`);
    unique(
      `entry of ${id}`,
      entries.map(({ number, egress }) => `${number} ${egress}`),
    );
    const last = entries.filter(({ number }) => number > 32_766);
    const families = vpcs.get(vpc)?.ipv6Cidr === undefined ? 1 : 2;
    if (last.length !== 2 * families || last.some(({ allows }) => allows)) defects.push(`${id} ends openly`);
  }
  for (const { id, vpc, routes } of routeTables.values()) {
    if (!vpcs.has(vpc)) defects.push(`${id} is in no VPC`);
    unique(
      `route of ${id}`,
      routes.map(({ destination }) => destination),
    );
    const lost = routes.filter(
      ({ destination }) => destination.startsWith("pl-") && !prefixLists.has(destination),
    );
    if (lost.length > 0) defects.push(`${id} names a list that is gone`);
  }
  for (const { id, family, maxEntries, version, versions } of prefixLists.values()) {
    const entries = versions.get(version) ?? [];
    if (entries.length > maxEntries || !versions.has(version)) defects.push(`${id} has ${entries.length}`);
    unique(
      `entry of ${id}`,
      entries.map(({ cidr }) => cidr),
    );
    if (entries.some(({ cidr }) => familyOf(cidr) !== family)) defects.push(`${id} is of two families`);
  }
  for (const { id, rules } of groups.values()) {
    const sizes = rules
      .filter(({ egress }) => !egress)
      .map(({ prefixList = "" }) => prefixLists.get(prefixList)?.maxEntries ?? 1);
    if (rules.some(({ prefixList }) => prefixList !== undefined && !prefixLists.has(prefixList)))
      defects.push(`${id} names a list that is gone`);
    if (sizes.reduce((sum, size) => sum + size, 0) > settings.quotas.rulesPerGroup)
      defects.push(`${id} is overfull`);
  }
  return defects;
}

/** All but the random numbers drawn. */
const stateOf = (world: World): unknown => structuredClone({ ...world, random: undefined });

function refuses(simulator: Simulator, action: string, tree: ParamTree): boolean {
  try {
    simulator.execute(action, { Version: "2016-11-15", ...tree }, 0);
    return false;
  } catch (error) {
    if (!(error instanceof Ec2Error)) throw error;
    return true;
  }
}

test("lists, ACLs and tables keep their invariants, and a refusal changes nothing", patience, () => {
  const reached = new Tally();
  fc.assert(
    fc.property(fc.nat(), fc.array(step, { minLength: 40, maxLength: 120, size: "max" }), (seed, steps) => {
      const simulator = new Simulator(emptyWorld(seed));
      const { world } = simulator;
      world.settings.throttling = false;
      for (const one of [{ action: "CreateVpc", a: 0, b: 0, n: 0 }, ...steps]) {
        const [action, tree] = requestOf(world, one);
        const before = stateOf(world);
        const isRefused = refuses(simulator, action, tree);
        reached.count(isRefused ? `${one.action} refused` : one.action);
        expect(isRefused ? stateOf(world) : before).toEqual(before);
        expect(broken(world)).toEqual([]);
      }
    }),
    runs(40, 0.07),
  );
  const each = ACTIONS.map((action) => [action, 0.0005] as const);
  const refused = ["DeleteManagedPrefixList", "DeleteNetworkAcl", "DeleteRouteTable"].map(
    (action) => [`${action} refused`, 0.001] as const,
  );
  expect(reached.rare(Object.fromEntries([...each, ...refused]))).toEqual([]);
});
