import { createdAt, trunkOf, vlanOfTags } from "../../ec2/eni-tags.ts";
import type { NetworkInterface, RouteTable, SecurityGroupRule, Subnet } from "../../ec2/types.ts";
import type { Instance, SecurityGroup } from "../../ec2/types.ts";
import {
  type Ec2,
  readClusterInterfaces,
  readGroups,
  readInstances,
  readInterfaces,
  readRouteTables,
  readRules,
  readSubnets,
} from "../../facts/ec2.ts";
import { type Fact, gapsOf, known, mapFact, skipped, valueOr } from "../../facts/fact.ts";
import type { ClusterFacts, InterfaceFact, RouteFact, RuleFact } from "../facts.ts";
import { type ApiFacts, sourceOf } from "./read.ts";

/** What EC2 says of a cluster. */

export type Ec2Facts = Pick<ClusterFacts, "interfaces" | "subnets" | "groups" | "rules" | "routes">;

/** Nothing of EC2, for one reason. */
export function withoutEc2(missing: string): Ec2Facts {
  const source = { missing };
  return { interfaces: source, subnets: source, groups: source, rules: source, routes: source };
}

/** `cluster` is its name in tags; undefined: what is of it is found by pods and nodes only, and leaks are not. */
export async function readEc2(ec2: Ec2, api: ApiFacts, cluster: string | undefined): Promise<Ec2Facts> {
  const [nodes, pods, policies] = [api.nodes, api.pods, api.policies].map((source) =>
    "value" in source ? source.value : [],
  ) as [Values<"nodes">, Values<"pods">, Values<"policies">];
  const named = pods.flatMap(({ branch }) => (typeof branch === "object" ? [branch.eni] : []));
  const [instances, tagged, ofPods] = await Promise.all([
    readInstances(
      ec2,
      nodes.flatMap(({ instance }) => instance ?? []),
    ),
    cluster === undefined ? known([]) : readClusterInterfaces(ec2, cluster),
    readInterfaces(ec2, named),
  ]);
  const interfaces = joined(
    instances,
    mapFact(tagged, (list) => inVpcOf(instances, list)),
    ofPods,
  );
  const all = interfaces.known ? interfaces.value : [];
  const ours = all.filter(
    ({ type, isOfController }) => isOfController || type === "trunk" || type === "branch",
  );
  const groups = [...policies.flatMap((policy) => policy.groups), ...ours.flatMap((eni) => eni.groups)];
  const [subnets, found, rules, routes] = await Promise.all([
    readSubnets(
      ec2,
      ours.map(({ subnet }) => subnet),
    ),
    readGroups(ec2, groups),
    readRules(ec2, [...groups, ...all.flatMap((eni) => (eni.deviceIndex === 0 ? eni.groups : []))]),
    routesOf(ec2, instances, ours),
  ]);
  const isSeen = interfaces.known;
  return {
    interfaces: sourceOf(interfaces),
    subnets: sourceOf(
      isSeen ? mapFact(subnets, (list) => list.map(subnetOf)) : skipped("subnets", gapOf(interfaces)),
    ),
    groups: sourceOf(mapFact(found, (list) => list.map(groupOf))),
    rules: sourceOf(
      isSeen ? mapFact(rules, (list) => list.map(ruleOf)) : skipped("rules", gapOf(interfaces)),
    ),
    routes: sourceOf(isSeen ? routes : skipped("routes", gapOf(interfaces))),
  };
}

/** Tags know no VPC: a cluster of the same name in another VPC of the account has the same. Without instances nobody tells. */
function inVpcOf(
  instances: Fact<readonly Instance[]>,
  tagged: readonly NetworkInterface[],
): readonly NetworkInterface[] {
  const vpcs = new Set(valueOr(instances, []).map(({ vpc }) => vpc));
  return vpcs.size === 0 ? tagged : tagged.filter(({ vpc }) => vpcs.has(vpc));
}

type Values<K extends "nodes" | "pods" | "policies"> = Extract<ApiFacts[K], { value: unknown }>["value"];

function gapOf(fact: Fact<unknown>): string {
  return gapsOf([fact])
    .map(({ permission, message }) =>
      permission === undefined ? message : `no permission for ${permission}`,
    )
    .join("; ");
}

/** The interfaces of instances, and those that EC2 lists under none: branches. */
function joined(
  instances: Fact<readonly Instance[]>,
  tagged: Fact<readonly NetworkInterface[]>,
  ofPods: Fact<readonly NetworkInterface[]>,
): Fact<readonly InterfaceFact[]> {
  if (!instances.known) return instances;
  if (!tagged.known) return tagged;
  if (!ofPods.known) return ofPods;
  const byId = new Map<string, InterfaceFact>();
  for (const { id: instance, interfaces } of instances.value) {
    for (const { id, type, subnet, groups, deviceIndex } of interfaces)
      byId.set(id, { ...NOTHING, id, type, subnet, groups, deviceIndex, instance, status: "in-use" });
  }
  const isTagged = new Set(tagged.value.map(({ id }) => id));
  for (const eni of [...ofPods.value, ...tagged.value])
    byId.set(eni.id, interfaceOf(eni, isTagged.has(eni.id)));
  return known([...byId.values()]);
}

const NOTHING = {
  trunk: undefined,
  vlan: undefined,
  isOfController: false,
  createdAt: undefined,
} as const;

function interfaceOf(
  { id, type, status, subnet, groups, attachment, tags }: NetworkInterface,
  isOfController: boolean,
): InterfaceFact {
  return {
    id,
    type,
    status,
    subnet,
    groups,
    instance: attachment?.instance,
    deviceIndex: attachment?.deviceIndex,
    trunk: trunkOf(tags),
    vlan: vlanOfTags(tags),
    isOfController,
    createdAt: createdAt(tags),
  };
}

function subnetOf({ id, cidr, freeAddresses }: Subnet) {
  return { id, cidr, freeAddresses };
}

function groupOf({ id, name, vpc }: SecurityGroup) {
  return { id, name, vpc };
}

/** Without its description, which may say anything. */
function ruleOf({ description: _, ...rule }: SecurityGroupRule): RuleFact {
  return rule;
}

async function routesOf(
  ec2: Ec2,
  instances: Fact<readonly Instance[]>,
  ours: readonly InterfaceFact[],
): Promise<Fact<readonly RouteFact[]>> {
  if (!instances.known) return instances;
  const subnets = [...new Set(ours.map(({ subnet }) => subnet))];
  const vpcs = [...new Set(instances.value.map(({ vpc }) => vpc))];
  const routes: RouteFact[] = [];
  for (const vpc of vpcs) {
    const tables = await readRouteTables(ec2, vpc);
    if (!tables.known) return tables;
    for (const subnet of subnets) {
      const table = tableOf(subnet, tables.value);
      if (table !== undefined) routes.push({ subnet, routeTable: table.id, target: defaultOf(table) });
    }
  }
  return known(routes);
}

/** Its own, or its VPC's. With several VPCs the branches are in one of them. */
function tableOf(subnet: string, tables: readonly RouteTable[]): RouteTable | undefined {
  return tables.find(({ subnets }) => subnets.includes(subnet)) ?? tables.find(({ isMain }) => isMain);
}

function defaultOf({ routes }: RouteTable): string | undefined {
  return routes.find(({ destination, isActive }) => destination === "0.0.0.0/0" && isActive)?.target;
}
