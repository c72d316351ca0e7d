import type { Instance, InstanceInterface, NetworkInterface } from "../ec2/types.ts";
import { type Fact, type Gap, mapFact, valueOr } from "../facts/fact.ts";
import { envOf } from "../facts/plugin-settings.ts";
import { canonicalIp, contains, familyOf, networkOf, parsePrefix } from "../values/ip.ts";
import type { End, Interface, Known } from "../verdict/facts.ts";
import type { AddressPlace, NodePlace, Place, PodPlace } from "../verdict/places.ts";
import { type ConnectedPod, type Connection, connectionOf } from "../facts/connection.ts";
import { enforcementIn } from "../facts/enforcement.ts";
import type { PodFacts } from "./facts.ts";
import type { Network } from "./network.ts";
import { nameOf, type Party, type Wanted } from "./party.ts";
import type { ExplainedPod } from "./pod.ts";

/** The ends of paths as the verdict knows them. Where something is not known there are several, and all are judged. Pure. */

export interface Places {
  readonly places: readonly Place[];
  /** What differs between them, for `it depends on …`. */
  readonly doubt: string;
}

export interface Around {
  readonly facts: PodFacts;
  readonly network: Network;
  /** CIDRs of the VPC, by its route tables. */
  readonly vpcCidrs: Fact<readonly string[]>;
}

/** Words for a gap, as the verdict gives them on. */
export function whyOf({ permission, message }: Gap): string {
  return permission === undefined ? message : `no permission for ${permission}`;
}

export function asKnown<T>(fact: Fact<T>): Known<T> {
  return fact.known ? fact : { known: false, why: whyOf(fact.gap) };
}

/** `wanted`: the path of which the party is an end. */
export function placesOf(party: Party, wanted: Wanted, around: Around): Places {
  switch (party.kind) {
    case "pod":
      return placesOfPod(party.pod, wanted, around);
    case "node":
      return only(nodePlace(party.name, wanted, around));
    case "address":
      return only(addressPlace(party, around));
    case "node-local":
      return only(party);
  }
}

function only(place: Place): Places {
  return { places: [place], doubt: "" };
}

export function connectionIn(pod: ConnectedPod, { facts }: Pick<Around, "facts">): Connection {
  const { settings, daemonSets, networkPolicies } = facts;
  const enforcement = mapFact(daemonSets, (all) => enforcementIn(all, valueOr(settings, undefined)));
  return connectionOf(pod, settings, enforcement, networkPolicies);
}

function placesOfPod(pod: ExplainedPod, wanted: Wanted, around: Around): Places {
  // Fargate has no nodes of ours: such a pod is an interface with an address.
  if (pod.fargate !== undefined) {
    const address = addressOf(pod, wanted.family);
    return only({
      kind: "address",
      name: nameOf(pod),
      end: { address, interface: ofAddress(address, around) },
      isInVpc: true,
    });
  }
  const { attachments, because } = connectionIn(pod, around);
  const settings = valueOr(around.facts.settings, undefined);
  const node = nodePlace(pod.node, wanted, around);
  const sends = wanted.from.kind === "pod" && wanted.from.pod.uid === pod.uid;
  const base = {
    kind: "pod",
    name: nameOf(pod),
    end: endOf(pod, wanted, around),
    node,
    labels: pod.labels,
    namedPorts: namedPorts(pod),
    isInAmbientMesh: pod.isInAmbientMesh,
    ...(settings?.hostRoutes && { hostRoutes: settings.hostRoutes }),
    ...(settings?.serviceCidrs && { serviceCidrs: settings.serviceCidrs }),
  } as const;
  const places = attachments.flatMap((attachment): PodPlace[] => {
    if (attachment !== "direct") return [{ ...base, attachment, host0: undefined }];
    const ends = sends ? host0Ends(pod, wanted, around) : [undefined];
    return ends.map((host0) => ({ ...base, attachment, host0 }));
  });
  const doubts = [
    ...(attachments.length > 1 ? [`its datapath (${because})`] : []),
    ...(places.length > attachments.length
      ? [`which address of its node it has on host0, which no API shows`]
      : []),
  ];
  return { places, doubt: doubts.join(", and ") };
}

function namedPorts({ allPorts }: ExplainedPod) {
  return allPorts.flatMap(({ name, protocol, port }) =>
    name !== undefined && (protocol === "TCP" || protocol === "UDP" || protocol === "SCTP")
      ? [{ name, protocol, port } as const]
      : [],
  );
}

function endOf(pod: ExplainedPod, { family }: Wanted, around: Around): End {
  const address = addressOf(pod, family);
  if (pod.branch?.readable !== true) return { address, interface: ofPrimary(pod, address, around) };
  const { eniId } = pod.branch;
  const { branches } = around.network;
  const its = asKnown(branches);
  if (!its.known) return { address, interface: its };
  const eni = its.value.get(eniId);
  return {
    address,
    interface:
      eni === undefined
        ? { known: false, why: `EC2 does not show the branch ${eniId}` }
        : { known: true, value: interfaceOf(eni) },
  };
}

/** The branch's, or what the pod's status has; of the family. */
export function addressOf({ branch, addresses }: ExplainedPod, family: 4 | 6): string {
  const own = branch?.readable === true ? branch.addresses.map(({ address }) => address) : [];
  const found = [...own, ...addresses].find((address) => familyOf(address) === family);
  return found === undefined ? "" : (canonicalIp(found) ?? found);
}

/** By the address; else, as for one out of a prefix, by its node's interfaces. */
function ofPrimary({ node }: ExplainedPod, address: string, around: Around): Known<Interface | undefined> {
  const found = asKnown(around.network.byAddress);
  if (!found.known) return found;
  const eni = found.value.get(address);
  if (eni !== undefined) return { known: true, value: interfaceOf(eni) };
  const instance = instanceOf(node, around);
  if (!instance.known) return instance;
  const its = interfaceWith(instance.value, address);
  if (its !== undefined) return { known: true, value: ofInstance(its, instance.value.vpc) };
  return { known: false, why: `EC2 does not show which interface of node ${node} has ${address}` };
}

/** The interface of an instance that has an address, also out of a prefix; any where all are alike. */
export function interfaceWith({ interfaces }: Instance, text: string): InstanceInterface | undefined {
  const address = canonicalIp(text) ?? text;
  const ordinary = interfaces.filter(isOfPods);
  const kinds = new Set(ordinary.map(({ groups, subnet }) => `${groups.toSorted().join()} ${subnet}`));
  return ordinary.find((one) => has(one, address)) ?? (kinds.size === 1 ? ordinary[0] : undefined);
}

function has({ ipv4, ipv6, prefixes = [] }: InstanceInterface, address: string): boolean {
  return (
    [...ipv4, ...ipv6].some((one) => canonicalIp(one) === address) ||
    prefixes.some((cidr) => isIn(cidr, address))
  );
}

/** A trunk has no pods of its own. */
function isOfPods({ type }: InstanceInterface): boolean {
  return type !== "trunk";
}

/**
 * Where a direct pod's host0 may be: the primary plugin's address is in no object, so it is any of those that the node has
 * for pods. Without any that is seen, the node's own interfaces stand for it.
 */
function host0Ends({ node }: ExplainedPod, { family }: Wanted, around: Around): readonly End[] {
  const instance = instanceOf(node, around);
  if (!instance.known) return [{ address: family === 4 ? "0.0.0.0" : "::", interface: instance }];
  const { interfaces, vpc } = instance.value;
  const ordinary = interfaces.filter(isOfPods);
  const ends = (addresses: (one: InstanceInterface) => readonly string[]) =>
    ordinary.flatMap((one) =>
      addresses(one)
        .filter((address) => familyOf(address) === family)
        .map((address): End => ({ address, interface: { known: true, value: ofInstance(one, vpc) } })),
    );
  const forPods = ends(({ ipv4, ipv6, prefixes = [] }) => [
    ...ipv4.slice(1),
    ...ipv6.slice(1),
    ...prefixes.flatMap((cidr) => {
      const block = parsePrefix(cidr);
      return block === undefined ? [] : [networkOf(block)];
    }),
  ]);
  return forPods.length > 0 ? forPods : ends(({ ipv4, ipv6 }) => [...ipv4.slice(0, 1), ...ipv6.slice(0, 1)]);
}

function nodePlace(name: string, wanted: Wanted, around: Around): NodePlace {
  const fact = around.network.nodes.get(name);
  const node = fact?.known === true ? fact.value : undefined;
  const address = node?.addresses.find((one) => familyOf(one) === wanted.family) ?? node?.addresses[0] ?? "";
  const instance = instanceOf(name, around);
  const primary = instance.known
    ? instance.value.interfaces.find(({ deviceIndex }) => deviceIndex === 0)
    : undefined;
  return {
    kind: "node",
    name,
    end: {
      address,
      interface: !instance.known
        ? instance
        : primary === undefined
          ? { known: false, why: `EC2 shows no primary interface of node ${name}` }
          : { known: true, value: ofInstance(primary, instance.value.vpc) },
    },
    doesNat: doesNat(wanted, around),
    earlyDemux: earlyDemux(name, around),
    ...(valueOr(around.facts.proxyMode, undefined) === "ipvs" && { kubeProxy: "ipvs" }),
  };
}

/** aws-node's own, by its environment; without an aws-node nobody is known to do it. */
function doesNat({ to }: Wanted, { facts: { daemonSets } }: Around): boolean {
  const awsNode = valueOr(daemonSets, []).find(({ name }) => name === "aws-node");
  if (awsNode === undefined) return false;
  const env = envOf(awsNode);
  if (env["AWS_VPC_K8S_CNI_EXTERNALSNAT"] === "true") return false;
  const excluded = (env["AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS"] ?? "").split(",");
  return !(to.kind === "address" && excluded.some((cidr) => isIn(cidr.trim(), to.address)));
}

function earlyDemux(name: string, { facts: { settings, daemonSets } }: Around): NodePlace["earlyDemux"] {
  const awsNode = valueOr(daemonSets, []).find((one) => one.name === "aws-node");
  const isOff =
    valueOr(settings, undefined)?.managesEarlyDemux === true ||
    (awsNode !== undefined && envOf(awsNode)["DISABLE_TCP_EARLY_DEMUX"] === "true");
  if (isOff) return { known: true, value: { tcp: false, udp: true } };
  return {
    known: false,
    why: `whether tcp_early_demux of node ${name} is off is not in any API: neither manageEarlyDemux of the plugin's entry nor DISABLE_TCP_EARLY_DEMUX of aws-node is set`,
  };
}

function addressPlace({ name, address }: Extract<Party, { kind: "address" }>, around: Around): AddressPlace {
  const found = ofAddress(address, around);
  const { vpcCidrs } = around;
  const isInside =
    (found.known && found.value !== undefined) || valueOr(vpcCidrs, []).some((cidr) => isIn(cidr, address));
  return { kind: "address", name, end: { address, interface: found }, isInVpc: isInside };
}

/** The interface of the VPC that has it; undefined for one that is certainly beyond it. */
function ofAddress(address: string, { network, vpcCidrs }: Around): Known<Interface | undefined> {
  const found = asKnown(network.byAddress);
  if (!found.known) return found;
  const eni = found.value.get(address);
  if (eni !== undefined) return { known: true, value: interfaceOf(eni) };
  const cidrs = asKnown(vpcCidrs);
  if (!cidrs.known) return cidrs;
  if (!cidrs.value.some((cidr) => isIn(cidr, address))) return { known: true, value: undefined };
  return {
    known: false,
    why: `${address} is of the VPC, and EC2 shows no interface that has it: it may be of another account, out of an interface's prefix, or nobody's`,
  };
}

function instanceOf(node: string, { network }: Around): Known<Instance> {
  const fact = network.nodes.get(node);
  if (fact === undefined) return { known: false, why: `node ${node} was not read` };
  const seen = asKnown(fact);
  if (!seen.known) return seen;
  const id = seen.value?.instance;
  if (id === undefined) return { known: false, why: `node ${node} is no EC2 instance` };
  const instances = asKnown(network.instances);
  if (!instances.known) return instances;
  const instance = instances.value.get(id);
  return instance === undefined
    ? { known: false, why: `EC2 does not show ${id}, the instance of node ${node}` }
    : { known: true, value: instance };
}

function interfaceOf({ id, groups, subnet, vpc, publicAddress }: NetworkInterface): Interface {
  return { id, groups, subnet, vpc, hasPublicAddress: publicAddress !== undefined };
}

function ofInstance({ id, groups, subnet, publicAddress }: InstanceInterface, vpc: string): Interface {
  return { id, groups, subnet, vpc, hasPublicAddress: publicAddress !== undefined };
}

function isIn(cidr: string, address: string): boolean {
  const block = parsePrefix(cidr);
  return block !== undefined && address !== "" && contains(block, address);
}
