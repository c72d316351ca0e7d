import { type IpFamily, familyOf, widthOf } from "../../values/ip.ts";
import { type Address, AddressFlag } from "../../netlink/route/address.ts";
import { Scope, Table } from "../../netlink/route/constants.ts";
import type { Link } from "../../netlink/route/link.ts";
import type { Route } from "../../netlink/route/route.ts";
import { isDirectRule } from "../claims.ts";
import type { LostPod, Recovery } from "../datapath.ts";
import type { PrimaryFacts } from "../facts.ts";
import { hasHairpin } from "../hairpin.ts";
import { inspectPrimary } from "../inspect.ts";
import { type Kernel, isLinkOnNode } from "../kernel.ts";
import { hairpinTable, hasTable, tableOf, vlanName } from "../numbers.ts";
import { type Operation, undoOf } from "../operation.ts";
import {
  readAddresses,
  readPermanentNeighbours,
  readRoutes,
  readRoutesOfPrimary,
  readRulesTo,
} from "../read.ts";
import { asNewAddress, byDependency, prefixRoute } from "../primary.ts";
import { isLastResort, routeAbsent, ruleAbsent } from "../steps.ts";
import { DISABLE_IPV6, type SysctlFact, sysctlKey } from "../sysctl.ts";
import { RENAMED_SYSCTLS, renamePrimary } from "./rename-primary.ts";

/** What a DEL without a record can do for a pod whose branch was in its own namespace. */
export const direct: Recovery = { restore, leftovers };

/**
 * Gives a pod its primary interface back without a record: the VLAN device has the branch's MAC, the primary's
 * interface has the name it was renamed to, and its former routes are in the table of the VLAN id.
 */
function restore(kernel: Kernel, pod: LostPod): { vlanId: number; operations: Operation[] } | undefined {
  const branch = kernel.link("pod", pod.ifName);
  if (branch?.vlan === undefined || branch.mac === undefined || !pod.macs.includes(branch.mac))
    return undefined;
  const primary = kernel.link("pod", pod.hostInterfaceName);
  if (primary?.kind !== "veth" || branch.linkIndex === undefined) return undefined;
  // The other end of the veth is on the node, so the trunk is where that is.
  if (!isLinkOnNode("pod", branch) || branch.linkNetnsId !== primary.linkNetnsId) return undefined;
  const { id: vlanId } = branch.vlan;
  if (!hasTable(vlanId)) return undefined;
  const table = tableOf(vlanId);
  const restored = restoredPrimary(kernel, { ...primary, name: pod.ifName }, table);
  const vlan = {
    name: pod.ifName,
    vlanId,
    mac: branch.mac,
    mtu: branch.mtu,
    trunk: branch.linkIndex,
  };
  const rules = readRulesTo(kernel, "pod", table);
  const lastResorts = readRoutes(kernel, "pod", undefined, Table.MAIN).filter(isLastResort);
  return {
    vlanId,
    operations: [
      { kind: "vlan", at: "pod", vlan, absent: true },
      ...rules.map((rule): Operation => ({ kind: "rule", at: "pod", rule, absent: true })),
      // They belong to no device and so outlive the branch's; IPv6 lists them with lo.
      ...lastResorts.map(({ device: _, ...route }): Operation => ({
        kind: "route",
        at: "pod",
        route,
        absent: true,
      })),
      ...undoOf(renamePrimary(restored, usualSysctls(kernel, pod.ifName), pod.hostInterfaceName)),
      ...loopbackAsUsual(kernel),
    ],
  };
}

/** The primary as it was, as far as its present state shows. */
function restoredPrimary(kernel: Kernel, link: Link, table: number): PrimaryFacts {
  const facts = inspectPrimary(kernel, link);
  const own = readRoutes(kernel, "pod", undefined, table).map((route) => ({ ...route, table: Table.MAIN }));
  // Renaming the primary's interface set this flag on its IPv6 addresses.
  const addresses = facts.addresses.map((address) =>
    familyOf(address.address) === 6
      ? { ...address, flags: address.flags & ~AddressFlag.NOPREFIXROUTE }
      : address,
  );
  // The kernel's own route to a prefix was there unless the primary had replaced it with its own (as ptp does).
  const isReplaced = (route: Omit<Route, "device">) =>
    own.some(({ destination, length }) => destination === route.destination && length === route.length);
  const routes = addresses.flatMap((address) => prefixRoute(address) ?? []);
  return { ...facts, link, addresses, routes: [...own, ...routes.filter((route) => !isReplaced(route))] };
}

/**
 * The defaults of a new device in the pod's namespace, which the primary's interface had unless its plugin changed
 * them.
 */
function usualSysctls(kernel: Kernel, device: string): SysctlFact[] {
  return RENAMED_SYSCTLS.flatMap(({ family, parameter }) => {
    const value = kernel.readSysctl("pod", sysctlKey({ family, parameter }, "default"));
    return value === undefined ? [] : [{ family, parameter, device, value }];
  });
}

/** A runtime that switches IPv6 off in the pod switches it off on lo too. */
function loopbackAsUsual(kernel: Kernel): Operation[] {
  if (kernel.readSysctl("pod", sysctlKey(DISABLE_IPV6, "default")) !== "1") return [];
  return [{ kind: "sysctl", at: "pod", key: sysctlKey(DISABLE_IPV6, "lo"), value: "1", optional: true }];
}

/**
 * Removes what a direct attachment without a record left on the node for its VLAN id. Rules and routes stay while the
 * node has a VLAN device of that id: the table then belongs to a routed pod, possibly one of aws-cni's, for which there
 * is no record either.
 */
function leftovers(kernel: Kernel, vlanId: number): Operation[] {
  // Only branchline uses this name.
  const hairpins = ([4, 6] as const).flatMap((family) => hairpinLeft(kernel, family, vlanId));
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

/** The permanent neighbour that was added with a route to a pod. */
function neighboursOf(kernel: Kernel, { destination, device }: Route): Operation[] {
  if (device === undefined) return [];
  return readPermanentNeighbours(kernel, "node", device).flatMap(({ address, mac }): Operation[] =>
    address === destination && mac !== undefined
      ? [{ kind: "neighbour", at: "node", device, neighbour: { address, mac }, absent: true }]
      : [],
  );
}

/**
 * Resets the pod's veth on the node, if it is still there: removes the borrowed address and sets rp_filter to the
 * default.
 */
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
    // The kernel removes them with the last address.
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
