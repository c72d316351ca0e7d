import { LOCK_WAIT_MS } from "./store.ts";
import { undo } from "../datapath/apply.ts";
import { restoreFrom } from "../datapath/direct/recover.ts";
import { DatapathError } from "../datapath/error.ts";
import { leftOnHost } from "../datapath/leftovers.ts";
import type { BranchAssignment } from "../ipam/annotation.ts";
import { type Node, kernelFor, openIfThere } from "./node.ts";

/** What a DEL without a record knows. */
export interface Traces {
  readonly containerId: string;
  readonly ifName: string;
  /** Path of the namespace; may be empty or gone. */
  readonly netns: string;
  readonly hostInterfaceName: string;
  /** From the pod's annotation. */
  readonly branch?: BranchAssignment;
  /** MACs that the branch may have, by the annotation and prevResult. */
  readonly macs: readonly string[];
}

/**
 * Takes back an attachment whose record is lost. In the pod's own namespace what looks like a branch **is** the pod's;
 * on the node, only what belongs to a VLAN id that no record claims is removed, since it may have a new owner. True when
 * something was found.
 */
export function recover(node: Node, traces: Traces): boolean {
  using namespace = openIfThere(traces.netns);
  using kernel = kernelFor(node, namespace);
  const found = namespace === undefined ? undefined : restoreFrom(kernel, traces);
  const vlanId = found?.vlanId ?? traces.branch?.vlanId;
  if (vlanId === undefined) return false;
  return node.store.withVlan(vlanId, LOCK_WAIT_MS, () => {
    const isClaimed = node.store.withVlanId(vlanId).length > 0;
    const operations = [...(found?.operations ?? []), ...(isClaimed ? [] : leftOnHost(kernel, vlanId))];
    const [problem] = undo(kernel, operations);
    if (problem !== undefined) {
      throw new DatapathError("kernel", `VLAN ${vlanId} could not be taken back whole: ${problem.message}`, {
        cause: problem,
      });
    }
    return operations.length > 0;
  });
}
