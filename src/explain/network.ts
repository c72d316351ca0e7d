import type { Instance, NetworkInterface } from "../ec2/types.ts";
import type { Api } from "../facts/api.ts";
import { type Ec2, readInstances, readInterfaces, readInterfacesAt } from "../facts/ec2.ts";
import { type Fact, known, mapFact } from "../facts/fact.ts";
import { type NodeFact, readNode } from "../facts/nodes.ts";
import { familyOf } from "../values/ip.ts";
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

export async function lookAtNetwork(
  api: Api,
  ec2: Fact<Ec2>,
  /** The pod's own node, which has been read. */
  own: { readonly name: string; readonly node: Fact<NodeFact | undefined> },
  paths: readonly Wanted[],
): Promise<Network> {
  const parties = paths.flatMap(({ from, to }) => [from, to]);
  const pods = parties.flatMap((party) => (party.kind === "pod" ? [party.pod] : []));
  // Of whom it is the node's own interfaces that send.
  const senders = paths.flatMap(({ from }) => nodeOf(from));
  const nodes = new Map([[own.name, own.node]]);
  await readNodes(api, nodes, [
    ...senders,
    ...parties.flatMap((party) => (party.kind === "node" ? [party.name] : [])),
  ]);
  if (!ec2.known) return { vpc: ec2, branches: ec2, byAddress: ec2, nodes, instances: ec2 };
  const ids = pods.flatMap(({ branch }) => (branch?.readable === true ? [branch.eniId] : []));
  const [first, branches] = await Promise.all([
    readInstances(ec2.value, instanceIds(nodes)),
    readInterfaces(ec2.value, ids),
  ]);
  const vpc = vpcOf(own.node, first, branches);
  const addresses = [...new Set(parties.flatMap(addressesOf))];
  const found = await readAt(ec2.value, vpc, addresses);
  // An address out of an interface's prefix is found by its node only.
  const rest = pods.filter(
    (pod) => pod.branch === undefined && found.known && !pod.addresses.some((one) => found.value.has(one)),
  );
  const before = nodes.size;
  await readNodes(
    api,
    nodes,
    rest.map(({ node }) => node),
  );
  const instances = nodes.size === before ? first : await readInstances(ec2.value, instanceIds(nodes));
  return {
    vpc,
    branches: mapFact(branches, (all) => new Map(all.map((eni) => [eni.id, eni]))),
    byAddress: found,
    nodes,
    instances: mapFact(instances, (all) => new Map(all.map((instance) => [instance.id, instance]))),
  };
}

function nodeOf(party: Party): readonly string[] {
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
      return party.pod.branch === undefined ? party.pod.addresses : [];
    case "address":
      return [party.address];
    case "node":
    case "node-local":
      return [];
  }
}

function vpcOf(
  node: Fact<NodeFact | undefined>,
  instances: Fact<readonly Instance[]>,
  branches: Fact<readonly NetworkInterface[]>,
): Fact<string> {
  const id = node.known ? node.value?.instance : undefined;
  const its = instances.known ? instances.value.find((one) => one.id === id) : undefined;
  const [branch] = branches.known ? branches.value : [];
  const vpc = its?.vpc ?? branch?.vpc;
  if (vpc !== undefined) return known(vpc);
  if (!instances.known) return instances;
  return {
    known: false,
    gap: {
      what: "the VPC",
      reason: "failed",
      message: "EC2 shows neither the instance of the pod's node nor its branch",
    },
  };
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
    for (const eni of interfaces.value)
      for (const address of [...eni.ipv4, ...eni.ipv6]) if (own.includes(address)) found.set(address, eni);
  }
  return known(found);
}
