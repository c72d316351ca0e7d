import type { BranchAssignment } from "../ipam/annotation.ts";
import { RouteType, Table } from "../netlink/route/constants.ts";
import type { Route } from "../netlink/route/route.ts";
import type { PodFacts } from "./facts.ts";
import type { Operation, Step } from "./operation.ts";

/**
 * Default routes that another plugin made by an interface of its own, such as egress-cni's by v4if0. Beside the branch's
 * one would be a way past its security groups, whatever its metric. So would what amounts to one, such as 0.0.0.0/1 with
 * 128.0.0.0/1, or 2000::/3.
 */

/** Bits. No network of an organisation is wider, in either family. */
const SHORTEST_NETWORK = 8;

/** Whether a route is a default route, or as wide as a part of one. */
export function isWide({ length, type }: Pick<Route, "length" | "type">): boolean {
  return length < SHORTEST_NETWORK && type === RouteType.UNICAST;
}

/** Those of the pod's routes: in table main, by another device than the primary's (several devices count as another). */
export function otherDefaults(routes: readonly Route[], primary: number): Route[] {
  return routes.filter((route) => isWide(route) && route.table === Table.MAIN && route.device !== primary);
}

/** Takes those of the branch's families away; undone, they come back as they were. The other family's are left alone. */
export function replaceOtherDefaults(branch: BranchAssignment, pod: PodFacts): Step[] {
  return pod.otherDefaults
    .filter((route) => branch.addresses.some(({ family }) => family === route.family))
    .map(({ device, ...route }): Step => {
      const operation = { kind: "route", at: "pod", ...(device !== undefined && { device }), route } as const;
      // It was up, or there was no such route. Asked for first, so that undo sees when the device is gone.
      const owner: Operation[] = device === undefined ? [] : [{ kind: "link", at: "pod", device, up: true }];
      return { do: { ...operation, absent: true }, undo: [...owner, operation] };
    });
}
