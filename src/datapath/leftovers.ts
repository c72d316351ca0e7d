import type { Route } from "../netlink/route/route.ts";
import type { Kernel } from "./kernel.ts";
import { tableOf } from "./numbers.ts";
import type { Operation } from "./operation.ts";
import { readRoutes, readRulesTo } from "./read.ts";

/** What takes away all that the node still has for a VLAN id: the rules to its table, and the table. */
export function leftOnHost(kernel: Kernel, vlanId: number): Operation[] {
  const table = tableOf(vlanId);
  return ([4, 6] as const).flatMap((family) => [
    ...readRulesTo(kernel, "host", family, table).map((rule): Operation => ({
      kind: "rule",
      at: "host",
      rule,
      absent: true,
    })),
    ...readRoutes(kernel, "host", family, table).map(routeAbsent),
  ]);
}

function routeAbsent({ device, ...route }: Route): Operation {
  return { kind: "route", at: "host", ...(device !== undefined && { device }), route, absent: true };
}
