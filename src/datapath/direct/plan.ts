import { type IpFamily, type IpPrefix, familyOf, formatPrefix, networkOf, widthOf } from "../../values/ip.ts";
import { AddressFlag } from "../../netlink/route/address.ts";
import { Scope, Table } from "../../netlink/route/constants.ts";
import { anyDestination, newRoute } from "../../netlink/route/route.ts";
import type { BranchAddress, BranchAssignment } from "../../ipam/annotation.ts";
import type { Options } from "../datapath.ts";
import type { Facts, NodeFacts, PrimaryFacts } from "../facts.ts";
import { FROM_POD_PRIORITY, TO_POD_PRIORITY, hairpinTable, tableOf } from "../numbers.ts";
import type { Operation, Step } from "../operation.ts";
import { replaceOtherDefaults } from "../other-defaults.ts";
import {
  type PrimaryFamily,
  byDependency,
  restoreNeighbours,
  ownRoutes,
  primaryFamilies,
} from "../primary.ts";
import {
  bringUp,
  clearStale,
  ipv6InPod,
  ipv6Step,
  lastResortStep,
  routeStep,
  ruleStep,
  step,
  usesIpv6,
  vlanStep,
} from "../steps.ts";
import { sysctlKey } from "../sysctl.ts";
import { renamePrimary } from "./rename-primary.ts";

/**
 * The direct datapath: the VLAN device is made inside the pod's namespace and is the pod's interface. The primary's
 * veth stays beside it under another name, for traffic to and from the node; nothing else leaves by it.
 */

/**
 * Link-local IPv4 belongs to the node, never to the VPC: agents on the node use it, and a service mesh may probe from
 * it. Answers go back the way the packet came.
 */
const LINK_LOCAL: IpPrefix = { address: "169.254.0.0", length: 16 };

/** rp_filter: any route back to the source is enough. */
const LOOSE = 2;

/** The exception: here the VPC itself serves DNS (.253) and time (.123). */
const VPC_SERVICES: IpPrefix = { address: "169.254.169.0", length: 24 };

/** The options that this datapath uses. */
export type DirectOptions = Omit<Options, "mode">;

/** The steps from the state found to the state wanted. Pure: the same facts give the same steps. */
export function planDirect(branch: BranchAssignment, facts: Facts, options: DirectOptions): Step[] {
  const { node, pod } = facts;
  const table = tableOf(branch.vlanId);
  const families = primaryFamilies(pod.primary);
  return [
    ...bringUp(facts),
    ...replaceOtherDefaults(branch, pod),
    ...renamePrimary(pod.primary, pod.sysctls, options.hostInterfaceName),
    ...branch.addresses.flatMap(({ family }) => lastResorts(family, options)),
    ...families.flatMap((family) => nodeRoutes(family, pod.primary, node, nodeNetworks(branch, options))),
    ...families.flatMap((family) => answerFrom(family, pod.primary, table)),
    ...restoreNeighbours(pod.primary).map((operation) => step(operation)),
    ...branchDevice(branch, facts, options),
    ...branch.addresses.map((address) => podAddress(address, options)),
    step({ kind: "link", at: "pod", device: options.interfaceName, up: true }),
    ...branch.addresses.flatMap((address) => branchRoutes(address, options)),
    ...clearStale(facts, branch),
    ...branch.addresses
      .filter((address) => families.some(({ family }) => family === address.family))
      .flatMap((address) => fromTheNode(address, table, node, pod.primary)),
    ...families.flatMap((family) => ownService(family, branch, options)),
  ];
}

/**
 * Routes by the primary's interface in the pod's main table: the node's own addresses, Services, agents. Nothing wider.
 */
function nodeRoutes(
  { family, address, gateway }: PrimaryFamily,
  primary: PrimaryFacts,
  node: NodeFacts,
  networks: readonly IpPrefix[],
): Step[] {
  const width = widthOf(family);
  const single = (destination: string): IpPrefix => ({ address: destination, length: width });
  const wanted = [...node.addresses.map(single), ...networks].filter(
    (prefix) => familyOf(prefix.address) === family,
  );
  const seen = new Set<string>(gateway === undefined ? [] : [formatPrefix(single(gateway))]);
  const device = { at: "pod", device: primary.link.index } as const;
  return [
    ...(gateway === undefined
      ? []
      : [
          step({
            kind: "route",
            ...device,
            route: newRoute({ family, destination: gateway, length: width }),
          }),
        ]),
    ...wanted.flatMap((prefix) => {
      const text = formatPrefix(prefix);
      if (seen.has(text)) return [];
      seen.add(text);
      return [
        step({
          kind: "route",
          ...device,
          route: newRoute({
            family,
            destination: networkOf(prefix),
            length: prefix.length,
            source: address,
            ...(gateway !== undefined && { gateway }),
          }),
        }),
      ];
    }),
  ];
}

/**
 * Packets to the primary's address are answered from its interface: the primary's own routes, in a table of their own.
 */
function answerFrom({ family, address }: PrimaryFamily, primary: PrimaryFacts, table: number): Step[] {
  const rule = {
    family,
    priority: FROM_POD_PRIORITY,
    table,
    from: { address, length: widthOf(family) },
  };
  return [
    ...byDependency(ownRoutes(primary).filter((route) => route.family === family)).map(
      ({ device: _, ...route }) =>
        step({ kind: "route", at: "pod", device: primary.link.index, route: { ...route, table } }),
    ),
    ruleStep("pod", rule),
  ];
}

function branchDevice(branch: BranchAssignment, facts: Facts, options: DirectOptions): Step[] {
  const { node } = facts;
  const name = options.interfaceName;
  // Kernels before 6.15 look up a new device's name in the sender's namespace even if the device goes to the pod's:
  // EEXIST when the node has an eth0 too. The device is then created under an unused name and renamed, which costs an
  // RCU wait.
  const madeAs = node.nameIsTaken ? `branchline${branch.vlanId}` : name;
  const ipv6 = (parameter: string, value: string) => ipv6Step("pod", name, branch, parameter, value);
  return [
    vlanStep("pod", madeAs, branch, { node }, options.mtu),
    ...(madeAs === name ? [] : [step({ kind: "link", at: "pod", device: madeAs, name })]),
    step({
      kind: "sysctl",
      at: "pod",
      key: sysctlKey({ family: "ipv4", parameter: "rp_filter" }, name),
      value: "2",
    }),
    // On lo as well: without it the pod reaches neither ::1 nor its own address.
    ...(usesIpv6(branch) ? [ipv6InPod(facts, "lo"), ipv6("disable_ipv6", "0")] : []),
    // EC2 assigns its address and its router, not a router advertisement.
    ipv6("accept_ra", "0"),
    ipv6("accept_dad", "0"),
  ];
}

function podAddress(address: BranchAddress, options: DirectOptions): Step {
  return step({
    kind: "address",
    at: "pod",
    device: options.interfaceName,
    address: {
      address: address.address,
      prefixLength: address.prefixLength,
      scope: Scope.UNIVERSE,
      flags: address.family === 6 ? AddressFlag.NODAD : 0,
    },
  });
}

/** What leaves by the branch: everything, including the link-local IPv4 addresses that the VPC itself serves. */
function branchRoutes({ family, gateway }: BranchAddress, options: DirectOptions): Step[] {
  const route = (to: { family: IpFamily; destination: string; length: number }) =>
    step({ kind: "route", at: "pod", device: options.interfaceName, route: newRoute({ ...to, gateway }) });
  const all = route(anyDestination(family));
  if (family === 6 || isGivenToTheNode(VPC_SERVICES, options)) return [all];
  return [all, route({ family, destination: VPC_SERVICES.address, length: VPC_SERVICES.length })];
}

/** Where the branch's traffic ends while the trunk is down. */
function lastResorts(family: IpFamily, options: DirectOptions): Step[] {
  return [
    lastResortStep("pod", family, Table.MAIN),
    // These must not fall back to the node's route for all link-local addresses.
    ...(family === 6 || isGivenToTheNode(VPC_SERVICES, options)
      ? []
      : [lastResortStep("pod", family, Table.MAIN, VPC_SERVICES)]),
  ];
}

function isGivenToTheNode(network: IpPrefix, { hostRoutes, serviceCidrs }: DirectOptions): boolean {
  return [...hostRoutes, ...serviceCidrs].some((given) => formatPrefix(given) === formatPrefix(network));
}

/** The networks that are reached through the node. */
function nodeNetworks(branch: BranchAssignment, options: DirectOptions): IpPrefix[] {
  return [
    ...options.serviceCidrs,
    ...options.hostRoutes,
    ...(branch.addresses.some(({ family }) => family === 4) ? [LINK_LOCAL] : []),
  ];
}

/**
 * The short way for packets that the node itself sends, such as kubelet's probes. The rule matches `iif lo`, so that
 * packets of other pods, which the node only forwards, take the VPC, where the branch's groups apply.
 */
function fromTheNode(address: BranchAddress, table: number, node: NodeFacts, primary: PrimaryFacts): Step[] {
  const family: IpFamily = address.family;
  const to: IpPrefix = { address: address.address, length: widthOf(family) };
  const source = node.source[family];
  const route = newRoute({
    family,
    destination: to.address,
    length: to.length,
    table,
    // Without a source the kernel may pick an agent's link-local address.
    ...(source !== undefined && { source }),
  });
  const rule = { family, priority: TO_POD_PRIORITY, table, to, inputDevice: "lo" };
  const steps = [routeStep("node", node.veth.index, route), ruleStep("node", rule)];
  if (family === 4) steps.push(...passReversePath(node));
  if (primary.link.mac !== undefined) {
    // The branch's address is not on this interface, so IPv6 answers no solicitation for it (RFC 4861, 7.2.3), and IPv4
    // no ARP request with arp_ignore=1, which kube-proxy sets for IPVS (strictARP).
    const neighbour = { address: address.address, mac: primary.link.mac };
    const operation = { kind: "neighbour", at: "node", device: node.veth.index, neighbour } as const;
    steps.push(step(operation, [{ ...operation, absent: true }]));
  }
  return steps;
}

/**
 * When a pod calls a Service that leads back to itself, the call leaves by host0 from the primary's address, and the
 * node forwards it through the VPC to the branch's address. The pod would drop a packet from there with one of its own
 * addresses as the source, so the node masquerades it.
 */
function ownService(
  { family, address: from }: PrimaryFamily,
  branch: BranchAssignment,
  { serviceCidrs }: DirectOptions,
): Step[] {
  const to = branch.addresses.find((address) => address.family === family)?.address;
  if (to === undefined || !serviceCidrs.some(({ address }) => familyOf(address) === family)) return [];
  const hairpin = { kind: "hairpin", at: "node", family, table: hairpinTable(branch.vlanId) } as const;
  return [step({ ...hairpin, from, to }, [{ ...hairpin, absent: true }])];
}

/**
 * Lets the pod's answers to masqueraded connections (node ports, load balancers) pass the node's reverse-path filter.
 * Once translated back, their source is the branch's address, which the node would reach by its default route: strict
 * filtering drops them, and so does loose filtering on a device without an address.
 */
function passReversePath(node: NodeFacts): Step[] {
  const device = { at: "node", device: node.veth.index } as const;
  const steps: Step[] = [];
  if (node.vethFilter !== undefined && node.vethFilter !== LOOSE) {
    // The kernel uses the greater of this and the node's "all", so this is loose whatever "all" says.
    const filter = { kind: "link", ...device } as const;
    steps.push(
      step({ ...filter, reversePathFilter: LOOSE }, [{ ...filter, reversePathFilter: node.vethFilter }]),
    );
  }
  // One of the node's own addresses, as on an unnumbered interface: no new address, and no route comes with it.
  const borrowed = node.source[4] ?? node.addresses.find((address) => familyOf(address) === 4);
  if (borrowed === undefined) return steps;
  const flags = AddressFlag.NOPREFIXROUTE;
  const address = { address: borrowed, prefixLength: widthOf(4), scope: Scope.UNIVERSE, flags };
  const operation = { kind: "address", ...device, address } as const;
  // The kernel removes all IPv4 routes of a device together with its last IPv4 address.
  const again = byDependency(node.vethRoutes ?? []).map(({ device: _, ...route }): Operation => ({
    kind: "route",
    ...device,
    route,
  }));
  return [...steps, step(operation, [{ ...operation, absent: true }, ...again])];
}
