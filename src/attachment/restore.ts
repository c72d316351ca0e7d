import { apply } from "../datapath/apply.ts";
import type { Kernel } from "../datapath/kernel.ts";
import type { Operation } from "../datapath/operation.ts";
import { type Difference, differences, lasting } from "../datapath/verify.ts";
import type { AttachmentRecord } from "../state/record.ts";
import { type Node, kernelFor, reopen } from "./node.ts";

/**
 * Puts back what the kernel takes when a trunk goes down and does not give back when it comes up: routes by the branch's
 * VLAN device, and its IPv6 addresses. Returns a line for each, as CHECK would say it; none when nothing was missing, when
 * the namespace is gone and while the trunk is down. DatapathError when the kernel refuses. The caller holds the VLAN's
 * lock.
 *
 * Whatever else is missing was removed by somebody: it is left for CHECK to tell.
 */
export function restore(node: Node, record: AttachmentRecord): readonly string[] {
  using namespace = reopen(node, record);
  if (namespace === undefined) return [];
  using kernel = kernelFor(node, namespace);
  if (kernel.link("node", record.trunk.index)?.up !== true) return [];
  const lost = differences(kernel, record.steps).filter(isByDeviceOf(record));
  apply(
    kernel,
    lost.map(({ operation }) => ({ do: operation, undo: [] })),
  );
  return stillLost(kernel, record, lost);
}

/** The lines of what is there now. */
function stillLost(kernel: Kernel, record: AttachmentRecord, before: readonly Difference[]): string[] {
  if (before.length === 0) return [];
  const after = new Set(differences(kernel, record.steps).map(({ text }) => text));
  return before.map(({ text }) => text).filter((text) => !after.has(text));
}

/** What goes with the link of the record's VLAN device. */
function isByDeviceOf({ steps }: AttachmentRecord): (difference: Difference) => boolean {
  const branches = new Set(
    lasting(steps).flatMap((operation) =>
      operation.kind === "vlan" ? [keyOf(operation.at, operation.vlan.name)] : [],
    ),
  );
  return ({ operation }) => {
    const isLost =
      operation.kind === "route" ||
      operation.kind === "address" ||
      (operation.kind === "link" && operation.up === true);
    return isLost && operation.device !== undefined && branches.has(keyOf(operation.at, operation.device));
  };
}

function keyOf(at: Operation["at"], device: number | string): string {
  return `${at} ${device}`;
}
