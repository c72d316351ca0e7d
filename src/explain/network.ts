import type { Instance, NetworkInterface } from "../ec2/types.ts";
import type { Api } from "../facts/api.ts";
import { type Ec2, readInstances, readInterfaces, readInterfacesAt } from "../facts/ec2.ts";
import { type Fact, known, mapFact, unknown } from "../facts/fact.ts";
import { type NodeFact, readNode } from "../facts/nodes.ts";
import { canonicalIp, familyOf } from "../values/ip.ts";
import type { Party, Wanted } from "./party.ts";

/** What EC2 says about the ends of paths: interfaces, by id for branches, by address for the rest, and instances of nodes. */

export interface Network {
  readonly vpc: Fact<string>;
  /** Branches that were asked for. */
  readonly branches: Fact<ReadonlyMap<string, NetworkInterface>>;
  /** By each address that was asked for and that some interface of the VPC has. */
  readonly byAddress: Fact<ReadonlyMap<string, NetworkInterface>>;
  /** Nodes by name; undefined: the API server has none of that name. */
  readonly nodes: ReadonlyMap<string, Fact<NodeFact | undefined>>;
  readonly instances: Fact<ReadonlyMap<string, Instance>>;
}

/** What has been read of the pod itself before. */
export interface Own {
  readonly node: Fact<NodeFact | undefined>;
  readonly branch: Fact<NetworkInterface | undefined>;
  readonly instance: Fact<Instance | undefined>;
}

export async function lookAtNetwork(
  api: Api,
  ec2: Fact<Ec2>,
  own: Own & { readonly name: string },
  paths: readonly Wanted[],
): Promise<Network> {
  const parties = paths.flatMap(({ from, to }) => [from, to]);
  const pods = parties.flatMap((party) => (party.kind === "pod" ? [party.pod] : []));
  const nodes = new Map([[own.name, own.node]]);
  // Of whom it is the node's own interfaces that send.
  await readNodes(api, nodes, [...paths.map(({ from }) => from), ...parties.filter(isNode)].flatMap(nodesOf));
  if (!ec2.known) return { vpc: ec2, branches: ec2, byAddress: ec2, nodes, instances: ec2 };
  const ids = pods.flatMap(({ branch }) => (branch?.readable === true ? [branch.eniId] : []));
  const [instances, branches] = await Promise.all([
    readOthers(own.instance, instanceIds(nodes), (others) => readInstances(ec2.value, others)),
    readOthers(own.branch, ids, (others) => readInterfaces(ec2.value, others)),
  ]);
  const vpc = vpcOf(own);
  const byAddress = await readAt(ec2.value, vpc, [...new Set(parties.flatMap(addressesOf))]);
  // An address out of an interface's prefix is found by its node only.
  const unseen = pods.filter(
    (pod) =>
      pod.branch === undefined &&
      byAddress.known &&
      !pod.addresses.some((one) => byAddress.value.has(canonical(one))),
  );
  const before = nodes.size;
  await readNodes(
    api,
    nodes,
    unseen.map(({ node }) => node),
  );
  return {
    vpc,
    branches,
    byAddress,
    nodes,
    instances:
      nodes.size === before
        ? instances
        : await readOthers(own.instance, instanceIds(nodes), (others) => readInstances(ec2.value, others)),
  };
}

/** By id, without asking again for what is known. */
async function readOthers<T extends { readonly id: string }>(
  own: Fact<T | undefined>,
  ids: readonly string[],
  read: (others: readonly string[]) => Promise<Fact<readonly T[]>>,
): Promise<Fact<ReadonlyMap<string, T>>> {
  const seen = own.known && own.value !== undefined ? [own.value] : [];
  const others = ids.filter((id) => !seen.some((one) => one.id === id));
  const rest = others.length === 0 ? known([]) : await read(others);
  return mapFact(rest, (all) => new Map([...seen, ...all].map((one) => [one.id, one])));
}

function isNode({ kind }: Party): boolean {
  return kind === "node";
}

function nodesOf(party: Party): readonly string[] {
  if (party.kind === "node") return [party.name];
  return party.kind === "pod" && party.pod.node !== "" ? [party.pod.node] : [];
}

async function readNodes(
  api: Api,
  nodes: Map<string, Fact<NodeFact | undefined>>,
  names: readonly string[],
): Promise<void> {
  const missing = [...new Set(names)].filter((name) => name !== "" && !nodes.has(name));
  const read = await Promise.all(missing.map(async (name) => [name, await readNode(api, name)] as const));
  for (const [name, node] of read) nodes.set(name, node);
}

function instanceIds(nodes: ReadonlyMap<string, Fact<NodeFact | undefined>>): readonly string[] {
  return [...nodes.values()].flatMap((node) => (node.known ? (node.value?.instance ?? []) : []));
}

/** Addresses that have to be looked for: a branch is found by its id, and a node by its instance. */
function addressesOf(party: Party): readonly string[] {
  switch (party.kind) {
    case "pod":
      return party.pod.branch === undefined ? party.pod.addresses.map(canonical) : [];
    case "address":
      return [party.address];
    case "node":
    case "node-local":
      return [];
  }
}

function vpcOf({ instance, branch }: Own): Fact<string> {
  const its = instance.known ? instance.value?.vpc : undefined;
  const vpc = its ?? (branch.known ? branch.value?.vpc : undefined);
  if (vpc !== undefined) return known(vpc);
  if (!instance.known) return instance;
  return unknown({
    what: "the VPC",
    reason: "failed",
    message: "EC2 shows neither the instance of the pod's node nor its branch",
  });
}

async function readAt(
  ec2: Ec2,
  vpc: Fact<string>,
  addresses: readonly string[],
): Promise<Fact<ReadonlyMap<string, NetworkInterface>>> {
  if (addresses.length === 0) return known(new Map());
  if (!vpc.known) return vpc;
  const found = new Map<string, NetworkInterface>();
  for (const family of [4, 6] as const) {
    const own = addresses.filter((address) => familyOf(address) === family);
    const interfaces = await readInterfacesAt(ec2, own, vpc.value);
    if (!interfaces.known) return interfaces;
    for (const eni of interfaces.value) {
      for (const address of [...eni.ipv4, ...eni.ipv6].map(canonical))
        if (own.includes(address)) found.set(address, eni);
    }
  }
  return known(found);
}

/** One address of IPv6 has several texts. */
function canonical(address: string): string {
  return canonicalIp(address) ?? address;
}
