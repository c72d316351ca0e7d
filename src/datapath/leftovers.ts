import { type IpFamily, widthOf } from "../values/ip.ts";
import { type Address, AddressFlag } from "../netlink/route/address.ts";
import { Scope, Table } from "../netlink/route/constants.ts";
import type { Route } from "../netlink/route/route.ts";
import type { Rule } from "../netlink/route/rule.ts";
import { isDirectRule } from "./claims.ts";
import { hasHairpin } from "./hairpin.ts";
import type { Kernel } from "./kernel.ts";
import { TO_POD_PRIORITY, hairpinTable, tableOf, vlanName } from "./numbers.ts";
import type { Operation } from "./operation.ts";
import { byDependency, asNewAddress } from "./primary.ts";
import {
  readAddresses,
  readPermanentNeighbours,
  readRoutes,
  readRoutesOfPrimary,
  readRulesTo,
} from "./read.ts";

const FAMILIES = [4, 6] as const;

/**
 * What takes away what a lost direct attachment left on the node for its VLAN id. No rule and no route while a VLAN device
 * of that id is on the node: then the table is a routed pod's, aws-cni's perhaps, which nobody here has a record of.
 */
export function leftByDirect(kernel: Kernel, vlanId: number): Operation[] {
  // Its name is ours alone.
  const hairpins = FAMILIES.flatMap((family) => hairpinLeft(kernel, family, vlanId));
  if (kernel.link("node", vlanName(vlanId)) !== undefined) return hairpins;
  const table = tableOf(vlanId);
  const rules = readRulesTo(kernel, "node", table).filter(isDirectRule);
  const ours = new Set(rules.map((rule) => rule.to?.address));
  return [
    ...rules.map(ruleAbsent),
    ...hairpins,
    ...readRoutes(kernel, "node", undefined, table)
      .filter((route) => ours.has(route.destination))
      .flatMap((route) => [
        ...neighboursOf(kernel, route),
        ...vethAsUsual(kernel, route),
        routeAbsent(route),
      ]),
  ];
}

function hairpinLeft(kernel: Kernel, family: IpFamily, vlanId: number): Operation[] {
  const table = hairpinTable(vlanId);
  return hasHairpin(kernel, family, table)
    ? [{ kind: "hairpin", at: "node", family, table, absent: true }]
    : [];
}

/** The permanent neighbour that goes with an IPv6 route to a pod. */
function neighboursOf(kernel: Kernel, { destination, device }: Route): Operation[] {
  if (device === undefined) return [];
  return readPermanentNeighbours(kernel, "node", device).flatMap(({ address, mac }): Operation[] =>
    address === destination && mac !== undefined
      ? [{ kind: "neighbour", at: "node", device, neighbour: { address, mac }, absent: true }]
      : [],
  );
}

/** The pod's veth on the node, if it is still there: without the node's address, and filtering as a new device does. */
function vethAsUsual(kernel: Kernel, { family, device, table }: Route): Operation[] {
  if (family !== 4 || device === undefined || kernel.link("node", device) === undefined) return [];
  const filter = kernel.readSysctl("node", "ipv4/conf/default/rp_filter");
  const all = readAddresses(kernel, "node", 0, Scope.UNIVERSE);
  const isElsewhere = ({ address }: Address) =>
    all.some((other) => other.index !== device && other.address === address);
  return [
    ...all
      .filter((address) => address.index === device && address.prefixLength === widthOf(4))
      .filter((address) => (address.flags & AddressFlag.NOPREFIXROUTE) !== 0 && isElsewhere(address))
      .map((address): Operation => ({
        kind: "address",
        at: "node",
        device,
        address: asNewAddress(address, address.flags),
        absent: true,
      })),
    // They go with the last address.
    ...byDependency(readRoutesOfPrimary(kernel, device, table)).map(({ device: _, ...route }): Operation => ({
      kind: "route",
      at: "node",
      device,
      route,
    })),
    ...(filter === undefined
      ? []
      : [{ kind: "link", at: "node", device, reversePathFilter: Number(filter) } as const]),
  ];
}

function routeAbsent({ device, ...route }: Route): Operation {
  return { kind: "route", at: "node", ...(device !== undefined && { device }), route, absent: true };
}

/**
 * What takes away what a routed attachment left on the node for its VLAN id: only for one that is known to be ours, since
 * aws-cni's pods look the same. Where the branch's MAC is known, a device of another one is the id's next owner's.
 */
export function leftByRouted(kernel: Kernel, vlanId: number, branchMac?: string): Operation[] {
  const link = kernel.link("node", vlanName(vlanId));
  if (branchMac !== undefined && link !== undefined && link.mac !== branchMac) return [];
  if (link?.vlan?.id !== vlanId || link.mac === undefined || link.linkIndex === undefined) return [];
  const { name, mac, mtu, linkIndex: trunk } = link;
  const table = tableOf(vlanId);
  const rules = readRulesTo(kernel, "node", table);
  // Standard mode sends what is for the pod by table main.
  const pods = new Set(rules.flatMap(({ from }) => (from === undefined ? [] : [from.address])));
  const toPods = readRulesTo(kernel, "node", Table.MAIN).filter(
    ({ priority, to }) => priority === TO_POD_PRIORITY && to !== undefined && pods.has(to.address),
  );
  const routes = [
    ...readRoutes(kernel, "node", undefined, table),
    ...readRoutes(kernel, "node", undefined, Table.MAIN).filter(({ destination }) => pods.has(destination)),
  ];
  return [
    ...[...rules, ...toPods].map(ruleAbsent),
    ...routes.map(routeAbsent),
    { kind: "vlan", at: "node", vlan: { name, vlanId, mac, mtu, trunk }, absent: true },
  ];
}

function ruleAbsent(rule: Rule): Operation {
  return { kind: "rule", at: "node", rule, absent: true };
}
