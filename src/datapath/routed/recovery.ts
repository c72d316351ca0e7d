import { Table } from "../../netlink/route/constants.ts";
import type { Known, Recovery } from "../datapath.ts";
import type { Kernel } from "../kernel.ts";
import { TO_POD_PRIORITY, tableOf, vlanName } from "../numbers.ts";
import type { Operation } from "../operation.ts";
import { readRoutes, readRulesTo } from "../read.ts";
import { routeAbsent, ruleAbsent } from "../steps.ts";

/** What a DEL without a record can do for a pod whose branch was on the node. Nothing in the pod shows it. */
export const routed: Recovery = { leftovers };

/**
 * Removes what a routed attachment left on the node for its VLAN id: only for one that is known to be ours, since
 * aws-cni's pods look the same. If the branch's MAC is known, a device with another MAC belongs to the id's next owner.
 */
function leftovers(kernel: Kernel, vlanId: number, { isRecorded, mac: branchMac }: Known): Operation[] {
  if (!isRecorded) return [];
  const link = kernel.link("node", vlanName(vlanId));
  if (branchMac !== undefined && link !== undefined && link.mac !== branchMac) return [];
  if (link?.vlan?.id !== vlanId || link.mac === undefined || link.linkIndex === undefined) return [];
  const { name, mac, mtu, linkIndex: trunk } = link;
  const table = tableOf(vlanId);
  const rules = readRulesTo(kernel, "node", table);
  // Standard mode routes to the pod in table main.
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
