import type { Link } from "../netlink/route/link.ts";
import { Table } from "../netlink/route/constants.ts";
import { type Route, isRefusal } from "../netlink/route/route.ts";
import type { Rule } from "../netlink/route/rule.ts";
import { isDirectRule } from "./claims.ts";
import { type Kernel, isLinkOnNode } from "./kernel.ts";
import { tableOf } from "./numbers.ts";
import { readRoutes, readRulesTo } from "./read.ts";

/**
 * Finds the owner of a VLAN device on the node that has no record: aws-cni's pods have such devices, with the same
 * tables, rules and priorities as the routed datapath.
 */

/** The VLAN device of an id of the trunk in the node's own namespace. */
export function vlanOnNode(kernel: Kernel, trunk: Pick<Link, "index">, vlanId: number): Link | undefined {
  return kernel
    .allLinks("node", { kind: "vlan" })
    .find((link) => link.vlan?.id === vlanId && link.linkIndex === trunk.index && isLinkOnNode("node", link));
}

/**
 * The veth of a living pod that the VLAN id's table and rules lead to. A veth goes with its other end's namespace, and
 * a route with its device. A rule outlives the device it names, and the next pod of the same name has a veth of the
 * same name; so if only a rule names the veth `own`, that is not a match.
 */
export function podBehind(kernel: Kernel, vlanId: number, own: number | undefined): Link | undefined {
  const table = tableOf(vlanId);
  const rules = readRulesTo(kernel, "node", table);
  // Standard mode routes to the pod in table main.
  const pods = new Set(rules.flatMap(({ from }) => (from === undefined ? [] : [from.address])));
  const routes = [
    ...readRoutes(kernel, "node", undefined, table),
    ...(pods.size === 0
      ? []
      : readRoutes(kernel, "node", undefined, Table.MAIN).filter(({ destination }) => pods.has(destination))),
  ];
  const routed = new Set(routes.flatMap(({ device }) => device ?? []));
  const named = new Set(rules.flatMap(({ inputDevice }) => inputDevice ?? []));
  return kernel
    .links("node", [...routed, ...named])
    .flatMap((link) => link ?? [])
    .filter(isPodVeth)
    .find(({ index }) => routed.has(index) || index !== own);
}

/**
 * A device in the routes of a VLAN id's table that shows that the table is in use although the node has no VLAN device:
 * the veth of a living pod, or a device that no branch's table has, such as another ENI. A route goes with its device.
 * Routes of the direct datapath do not count: there the VLAN device shows who lives, and the next owner clears them.
 */
export function ownerOfTable(
  kernel: Kernel,
  { table, rules }: { readonly table: readonly Route[]; readonly rules: readonly Rule[] },
): Link | undefined {
  const directs = new Set(rules.filter(isDirectRule).map(({ to }) => to?.address));
  const devices = new Set(
    table
      .filter((route) => !isRefusal(route) && !directs.has(route.destination))
      .flatMap(({ device }) => device ?? []),
  );
  return kernel
    .links("node", [...devices])
    .find((link) => link !== undefined && link.kind !== "vlan" && (link.kind !== "veth" || isPodVeth(link)));
}

function isPodVeth({ kind, linkNetnsId }: Link): boolean {
  return kind === "veth" && linkNetnsId !== undefined;
}
