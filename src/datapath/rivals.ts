import { type IpFamily, familyOf, widthOf } from "../values/ip.ts";
import { Table } from "../netlink/route/constants.ts";
import { type Route, isRefusal } from "../netlink/route/route.ts";
import { type Rule, describeRule } from "../netlink/route/rule.ts";
import { DatapathError } from "./error.ts";
import type { Kernel } from "./kernel.ts";
import { readRoutes } from "./read.ts";

/**
 * Rules for the branch's address that lead elsewhere are removed: their pod is gone. If a living pod has the address,
 * the annotation contradicts the node and nothing is changed: DatapathError `held`. A pod's veth goes with its
 * namespace, and a route with the veth, so a route proves that its pod is alive, whoever made it.
 */
export function requireNoRival(kernel: Kernel, rules: readonly Rule[], table: number, veth: number): void {
  for (const rule of rules) {
    const address = (rule.to ?? rule.from)?.address;
    if (rule.table === table || address === undefined) continue;
    const family = familyOf(address);
    const route = waysTo(kernel, address, family, rule.table).find(({ device }) => device !== veth);
    if (route === undefined) continue;
    const device = kernel.link("node", route.device ?? 0)?.name ?? `ifindex ${route.device}`;
    throw new DatapathError(
      "held",
      `address ${address} is held by another living pod: on the node rule "${describeRule(rule)}" and a route by ${device} lead to it`,
    );
  }
}

function waysTo(kernel: Kernel, address: string, family: IpFamily, table: number): Route[] {
  return [...new Set([table, Table.MAIN])]
    .flatMap((one) => readRoutes(kernel, "node", family, one))
    .filter(
      (route) =>
        route.destination === address &&
        route.length === widthOf(family) &&
        route.device !== undefined &&
        !isRefusal(route),
    );
}
