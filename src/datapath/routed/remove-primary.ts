import { type IpPrefix, familyOf, widthOf } from "../../values/ip.ts";
import { Protocol, Table } from "../../netlink/route/constants.ts";
import type { Route } from "../../netlink/route/route.ts";
import type { Rule } from "../../netlink/route/rule.ts";
import type { NodeFacts, PrimaryFacts } from "../facts.ts";
import type { Kernel } from "../kernel.ts";
import type { Operation, Step } from "../operation.ts";
import { restoreAddress, byDependency, ownAddresses, ownRoutes, asNewAddress } from "../primary.ts";
import { readRoutes, readRules } from "../read.ts";
import { step } from "../steps.ts";
import { plainRule } from "../../netlink/route/rule.ts";

/**
 * The branch's address replaces the primary's on the same interface. The node's routes and rules for the primary's
 * address would then lead to a pod that no longer has it: they are removed with the address, and DEL restores both, so
 * that the primary's own DEL finds what it made.
 */

/** What the node has for the pod's primary addresses. */
export interface NodePrimaryFacts {
  readonly routes: readonly Route[];
  readonly rules: readonly Rule[];
}

/** Reads what the primary made on the node for its addresses: routes by the pod's veth in table main, and rules. */
export function inspectOnNode(kernel: Kernel, node: NodeFacts, primary: PrimaryFacts): NodePrimaryFacts {
  const own = new Set(ownAddresses(primary).map(({ address }) => address));
  const isOwn = (prefix: IpPrefix | undefined) =>
    prefix !== undefined && own.has(prefix.address) && prefix.length === widthOf(familyOf(prefix.address));
  return {
    routes: readRoutes(kernel, "node", undefined, Table.MAIN, node.veth.index).filter(
      (route) => route.protocol !== Protocol.KERNEL && own.has(route.destination),
    ),
    rules: readRules(kernel, "node")
      .filter((rule) => isOwn(rule.to) || isOwn(rule.from))
      .map(plainRule),
  };
}

/** Removes everything that the primary set on the node and on its interface, the node first. */
export function removePrimary(primary: PrimaryFacts, onNode: NodePrimaryFacts): Step[] {
  const pod = { at: "pod", device: primary.link.index } as const;
  return [
    ...onNode.rules.map((rule) => removal({ kind: "rule", at: "node", rule })),
    ...onNode.routes.map(({ device, ...route }) =>
      removal({ kind: "route", at: "node", ...(device !== undefined && { device }), route }),
    ),
    ...primary.permanentNeighbours.flatMap(({ address, mac }) =>
      mac === undefined ? [] : [removal({ kind: "neighbour", ...pod, neighbour: { address, mac } })],
    ),
    // In reverse, so that no route is left without the one to its gateway.
    ...byDependency(ownRoutes(primary))
      .toReversed()
      .map(({ device: _, ...route }) => removal({ kind: "route", ...pod, route })),
    ...ownAddresses(primary).map((address) =>
      step(
        { kind: "address", ...pod, address: asNewAddress(address, address.flags), absent: true },
        restoreAddress(primary, address),
      ),
    ),
  ];
}

/** Removes something that undo restores. */
function removal(operation: Extract<Operation, { kind: "rule" | "route" | "neighbour" }>): Step {
  return step({ ...operation, absent: true }, [operation]);
}
