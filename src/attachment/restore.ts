import { apply } from "../datapath/apply.ts";
import type { Operation } from "../datapath/operation.ts";
import { differences, lasting } from "../datapath/verify.ts";
import { type IpFamily, familyOf } from "../values/ip.ts";
import type { AttachmentRecord } from "../state/record.ts";
import { type Node, kernelFor, reopen } from "./node.ts";

/** What `restore` found; `lines` are as CHECK would say them. */
export type Restored =
  /** Nothing was missing. */
  | { readonly outcome: "whole" }
  /** The namespace is gone, or the trunk is down or gone: the trunk's coming up will be another occasion. */
  | { readonly outcome: "away" }
  | { readonly outcome: "restored"; readonly lines: readonly string[] }
  /** Something differs that the trunk did not do. */
  | { readonly outcome: "left"; readonly lines: readonly string[] };

/**
 * Puts back what the kernel takes when a trunk goes down and does not give back when it comes up: all routes by the branch's
 * VLAN device, family by family, and with them its IPv6 addresses (fib_frontend.c, addrconf.c: NETDEV_DOWN). DatapathError
 * when the kernel refuses. The caller holds the VLAN's lock.
 *
 * If anything else differs, or only some of the routes are missing, it was done by somebody: a DEL or ADD that was killed,
 * the VLAN id's next owner, a later plugin, a person. Then nothing at all is put back.
 */
export function restore(node: Node, record: AttachmentRecord): Restored {
  using namespace = reopen(node, record);
  if (namespace === undefined) return { outcome: "away" };
  using kernel = kernelFor(node, namespace);
  if (kernel.link("node", record.trunk.index)?.up !== true) return { outcome: "away" };
  const found = differences(kernel, record.steps);
  if (found.length === 0) return { outcome: "whole" };
  const lines = found.map(({ text }) => text);
  const lost = found.map(({ operation }) => operation);
  const isTheTrunks = !found.some(({ hasRival }) => hasRival) && isLostWithLink(lost, record);
  if (!isTheTrunks) return { outcome: "left", lines };
  apply(
    kernel,
    lost.map((operation) => ({ do: operation, undo: [] })),
  );
  return { outcome: "restored", lines };
}

/** Whether what is missing is what goes with the link of the record's VLAN device: no more, and no less. */
function isLostWithLink(lost: readonly Operation[], { steps }: AttachmentRecord): boolean {
  const all = lasting(steps);
  const branches = new Set(
    all.flatMap((operation) => (operation.kind === "vlan" ? [keyOf(operation.at, operation.vlan.name)] : [])),
  );
  const goes = (operation: Operation): IpFamily | undefined => {
    if (operation.kind !== "route" && operation.kind !== "address") return undefined;
    if (operation.device === undefined || !branches.has(keyOf(operation.at, operation.device)))
      return undefined;
    if (operation.kind === "route") return operation.route.family;
    // IPv4 addresses stay.
    return familyOf(operation.address.address) === 6 ? 6 : undefined;
  };
  const families = new Set(lost.map(goes));
  if (families.has(undefined)) return false;
  const should = all.filter((operation) => {
    const family = goes(operation);
    return family !== undefined && families.has(family);
  });
  return should.length === lost.length;
}

function keyOf(at: Operation["at"], device: number | string): string {
  return `${at} ${device}`;
}
