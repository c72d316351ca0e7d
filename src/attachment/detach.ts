import { undo } from "../datapath/apply.ts";
import { traitsOf } from "../datapath/datapath.ts";
import { DatapathError } from "../datapath/error.ts";
import { type Operation, undoOf } from "../datapath/operation.ts";
import type { Kernel } from "../datapath/kernel.ts";
import { readStanding, withoutOthers } from "../datapath/ownership.ts";
import { readRoutes } from "../datapath/read.ts";
import { Table } from "../netlink/route/constants.ts";
import type { Rule } from "../netlink/route/rule.ts";
import { widthOf } from "../values/ip.ts";
import { leaveStrict } from "./strict.ts";
import { type Node, kernelFor, reopen } from "./node.ts";
import type { AttachmentRecord } from "../state/record.ts";

/**
 * Undoes all that a record says, then removes the record. Neither the trunk nor the namespace need exist any more. If
 * the kernel refuses something, the rest is undone all the same, the record stays for another try, and DatapathError
 * says what is left. LeftBehindError when only the record stays. The caller holds the VLAN's lock. With
 * `releasePrimary`, aws-cni's rules for the primary's addresses are removed as well.
 */
export function detachRecord(
  node: Node,
  record: AttachmentRecord,
  { releasePrimary = false }: { readonly releasePrimary?: boolean } = {},
): void {
  using namespace = reopen(node, record);
  using kernel = kernelFor(node, namespace);
  const all = undoOf(record.steps);
  const operations = traitsOf(record.datapath).likeAwsCni ? withoutNextOwners(kernel, record, all) : all;
  // If the pod is gone, so is what the primary had on the node for it: restoring a rule now would leak it.
  const problems = undo(kernel, namespace === undefined ? operations.filter(takesAway) : operations);
  // Last, because undoing the routed datapath has just restored them.
  if (releasePrimary) problems.push(...undo(kernel, releasedRules(kernel, record)));
  const [first] = problems;
  if (first !== undefined) {
    throw new DatapathError(
      "kernel",
      `VLAN ${record.vlanId} could not be detached completely: ${first.message}`,
      {
        cause: first,
        details: problems.map((problem) => problem.message),
      },
    );
  }
  forget(node, kernel, record);
}

function withoutNextOwners(kernel: Kernel, record: AttachmentRecord, operations: Operation[]): Operation[] {
  const { vlanId, mac, addresses, trunk, namespace } = record;
  const { veth } = namespace;
  const owner = { vlanId, mac, addresses, trunk: trunk.index, ...(veth !== undefined && { veth }) };
  return withoutOthers(operations, owner, readStanding(kernel, owner, operations));
}

function takesAway(operation: Operation): boolean {
  // A device is set down before the rules for packets that come in by it are removed.
  return "absent" in operation || (operation.kind === "link" && operation.at === "node");
}

/**
 * Removes the record, and after the last strict pod's undoes what strict mode changed for the node. LeftBehindError
 * when the record stays.
 */
export function forget(node: Node, kernel: Kernel, record: AttachmentRecord): void {
  if (record.mode === "strict") leaveStrict(node, kernel, record);
  else node.store.remove(record);
}

/**
 * Removes aws-cni's rules for a pod's primary addresses from the node. If the node routes an address to a device other
 * than the pod's veths, another pod has it by now: its rules look the same and stay.
 */
export function releasedRules(kernel: Kernel, { primary }: Pick<AttachmentRecord, "primary">): Operation[] {
  const { rules, veths } = primary ?? { rules: [], veths: [] };
  if (rules.length === 0) return [];
  const elsewhere = new Set(
    readRoutes(kernel, "node", undefined, Table.MAIN)
      .filter(({ length, family, device }) => length === widthOf(family) && !veths.includes(device ?? 0))
      .map(({ destination }) => destination),
  );
  return rules
    .filter((rule) => !elsewhere.has(addressOf(rule)))
    .map((rule) => ({ kind: "rule", at: "node", rule, absent: true }));
}

function addressOf({ to, from }: Rule): string {
  return (to ?? from)?.address ?? "";
}
