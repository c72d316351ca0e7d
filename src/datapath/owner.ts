import type { Link } from "../netlink/route/link.ts";
import { Table } from "../netlink/route/constants.ts";
import { type Route, isRefusal } from "../netlink/route/route.ts";
import type { Rule } from "../netlink/route/rule.ts";
import { isDirectRule } from "./claims.ts";
import { type Kernel, isLinkOnNode } from "./kernel.ts";
import { tableOf } from "./numbers.ts";
import { readRoutes, readRulesTo } from "./read.ts";

/**
 * Whose a VLAN device on the node is that no record tells of: aws-cni leaves its pods' devices there, with the same
 * tables, rules and priorities as the routed datapath.
 */

/** The VLAN device of an id of the trunk in the node's own namespace. */
export function vlanOnNode(kernel: Kernel, trunk: Pick<Link, "index">, vlanId: number): Link | undefined {
  return kernel
    .allLinks("node", { kind: "vlan" })
    .find((link) => link.vlan?.id === vlanId && link.linkIndex === trunk.index && isLinkOnNode("node", link));
}

/**
 * The veth of a living pod that the VLAN id's table and rules lead to. A veth lives no longer than its other end's
 * namespace, and a route no longer than its device; a rule outlives the device that it names, and a pod of the same name
 * has a veth of the same name, so by a rule alone it is not the pod with the veth `own`.
 */
export function podBehind(kernel: Kernel, vlanId: number, own: number | undefined): Link | undefined {
  const table = tableOf(vlanId);
  const rules = readRulesTo(kernel, "node", table);
  // Standard mode sends what is for the pod by table main.
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
 * Of the devices that the routes of a VLAN id's table go by, one that says that the table is somebody's though no VLAN
 * device is on the node: the veth of a living pod, or one that no branch's table has, such as another ENI. A route goes
 * with its device. What the direct datapath left is its next owner's to clear: there the VLAN device says who lives.
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
