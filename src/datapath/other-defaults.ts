import type { BranchAssignment } from "../ipam/annotation.ts";
import { RouteType, Table } from "../netlink/route/constants.ts";
import type { Route } from "../netlink/route/route.ts";
import type { PodFacts } from "./facts.ts";
import type { Operation, Step } from "./operation.ts";

/**
 * Default routes that another plugin made by its own interface, as egress-cni does by v4if0. Beside the branch's
 * default route, whatever the metric, one would lead around the security groups. So would its equivalents, such as
 * 0.0.0.0/1 with 128.0.0.0/1, or 2000::/3.
 */

/** Bits. No organisation's network is wider, in either family. */
const SHORTEST_NETWORK = 8;

/** Whether a route is a default route, or wide enough to be part of an equivalent. */
export function isWide({ length, type }: Pick<Route, "length" | "type">): boolean {
  return length < SHORTEST_NETWORK && type === RouteType.UNICAST;
}

/**
 * The default routes among the pod's: in table main, by a device other than the primary's. A multipath route counts
 * too.
 */
export function otherDefaults(routes: readonly Route[], primary: number): Route[] {
  return routes.filter((route) => isWide(route) && route.table === Table.MAIN && route.device !== primary);
}

/** Removes those of the branch's families; undo restores them. The other family's stay. */
export function replaceOtherDefaults(branch: BranchAssignment, pod: PodFacts): Step[] {
  return pod.otherDefaults
    .filter((route) => branch.addresses.some(({ family }) => family === route.family))
    .map(({ device, ...route }): Step => {
      const operation = { kind: "route", at: "pod", ...(device !== undefined && { device }), route } as const;
      // The device was up, or it would have had no route. This comes first so that undo notices when the device is
      // gone.
      const owner: Operation[] = device === undefined ? [] : [{ kind: "link", at: "pod", device, up: true }];
      return { do: { ...operation, absent: true }, undo: [...owner, operation] };
    });
}
