import type { BranchAssignment } from "../ipam/annotation.ts";
import type { IpFamily, IpPrefix } from "../values/ip.ts";
import { Protocol, RouteType, Scope } from "../netlink/route/constants.ts";
import { type Route, anyDestination, isRefusal, newRoute } from "../netlink/route/route.ts";
import type { Rule } from "../netlink/route/rule.ts";
import { isDirectRule } from "./claims.ts";
import type { Facts } from "./facts.ts";
import { hairpinTable, tableOf } from "./numbers.ts";
import type { Operation, Netns, Step } from "./operation.ts";
import { DISABLE_IPV6, factOf, sysctlKey } from "./sysctl.ts";

/** Steps that the datapaths have in common. */

/** ifindex of lo in every namespace: the first one that net/core/dev.c assigns. */
const LOOPBACK = 1;

/** What goes with its device, or when that is set down, needs no undo of its own. */
export function step(operation: Operation, undo: readonly Operation[] = []): Step {
  return { do: operation, undo };
}

/** Adds a route, and deletes it again. */
export function routeStep(at: Netns, device: number | string, route: Omit<Route, "device">): Step {
  const operation = { kind: "route", at, device, route } as const;
  return step(operation, [{ ...operation, absent: true }]);
}

/** The largest metric. */
const LAST_RESORT = 0xffff_ffff;

/** Whether a listed route is one of our last resorts. */
export function isLastResort(route: Route): boolean {
  return isRefusal(route) && route.priority === LAST_RESORT && route.protocol === Protocol.STATIC;
}

/**
 * A table's last resort: an unreachable route needs no device, so it works before there is one and while it is down.
 * Without it a packet that finds no route in the table would go on to the next rule and leave by the node.
 */
export function lastResortStep(
  at: Netns,
  family: IpFamily,
  table: number,
  to: IpPrefix = { address: anyDestination(family).destination, length: 0 },
): Step {
  const type = RouteType.UNREACHABLE;
  const fate = { table, type, scope: Scope.UNIVERSE, priority: LAST_RESORT };
  const destination = { family, destination: to.address, length: to.length };
  const operation = { kind: "route", at, route: newRoute({ ...destination, ...fate }) } as const;
  return step(operation, [{ ...operation, absent: true }]);
}

/** Adds a rule, and deletes it again. */
export function ruleStep(at: Netns, rule: Rule): Step {
  const operation = { kind: "rule", at, rule } as const;
  return step(operation, [{ ...operation, absent: true }]);
}

/** Deletes a rule of the node for good. */
export function ruleAbsent(rule: Rule): Operation {
  return { kind: "rule", at: "node", rule, absent: true };
}

/** Deletes a route of the node for good. */
export function routeAbsent({ device, ...route }: Route): Operation {
  return { kind: "route", at: "node", ...(device !== undefined && { device }), route, absent: true };
}

/** What must be up before anything else: the trunk and the pod's loopback. */
export function bringUp({ node, pod }: Facts): Step[] {
  const loopback = { kind: "link", at: "pod", device: LOOPBACK } as const;
  return [
    // Left up on DEL: other pods' branches may use it by then.
    ...(node.trunk.up ? [] : [step({ kind: "link", at: "node", device: node.trunk.index, up: true })]),
    // A namespace without any address has no table local, and then resolves every neighbour to broadcast.
    ...(pod.loopbackUp ? [] : [step({ ...loopback, up: true }, [{ ...loopback, up: false }])]),
  ];
}

/** Removes rules and routes left by the VLAN id's previous owner: those that lead to its table or name its devices, and the table. */
export function clearStale({ node }: Facts, { vlanId }: Pick<BranchAssignment, "vlanId">): Step[] {
  // A direct pod's rule shows that its nftables table may be there too.
  const ofTable = node.rules.filter((rule) => isDirectRule(rule) && rule.table === tableOf(vlanId));
  const directs = new Set(ofTable.map(({ family }) => family));
  const table = hairpinTable(vlanId);
  return [
    ...[...directs].map((family) => step({ kind: "hairpin", at: "node", family, table, absent: true })),
    ...node.rules.map((rule) => step(ruleAbsent(rule))),
    ...node.table.map((route) => step(routeAbsent(route))),
  ];
}

/** Creates the branch's VLAN device in one namespace, and deletes it again. */
export function vlanStep(
  at: Netns,
  name: string,
  branch: BranchAssignment,
  { node }: Pick<Facts, "node">,
  mtu: number,
): Step {
  const { vlanId, mac } = branch;
  const operation = { kind: "vlan", at, vlan: { name, vlanId, mac, mtu, trunk: node.trunk.index } } as const;
  return step(operation, [{ ...operation, absent: true }]);
}

/** Sets an IPv6 parameter of the branch's device. A kernel without IPv6 is fine for a branch without it. */
export function ipv6Step(
  at: Netns,
  device: string,
  branch: BranchAssignment,
  parameter: string,
  value: string,
): Step {
  const key = sysctlKey({ family: "ipv6", parameter }, device);
  return step({ kind: "sysctl", at, key, value, ...(!usesIpv6(branch) && { optional: true }) });
}

/** Switches IPv6 on for a device of the pod, and off again. */
export function ipv6InPod({ pod }: Pick<Facts, "pod">, device: string): Step {
  const key = sysctlKey(DISABLE_IPV6, device);
  const old = factOf(pod.sysctls, DISABLE_IPV6, device);
  return step(
    { kind: "sysctl", at: "pod", key, value: "0" },
    old === undefined || old === "0" ? [] : [{ kind: "sysctl", at: "pod", key, value: old, optional: true }],
  );
}

export function usesIpv6(branch: BranchAssignment): boolean {
  return branch.addresses.some(({ family }) => family === 6);
}
