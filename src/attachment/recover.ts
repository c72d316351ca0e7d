import { undo } from "../datapath/apply.ts";
import { restoreFrom } from "../datapath/direct/recover.ts";
import { DatapathError } from "../datapath/error.ts";
import { leftByDirect, leftByRouted } from "../datapath/leftovers.ts";
import { hasTable } from "../datapath/numbers.ts";
import type { BranchAssignment } from "../ipam/annotation.ts";
import { type Node, kernelFor, openPods, reopen } from "./node.ts";
import { leaveStrict } from "./strict.ts";
import { AttachmentError, type AttachmentKey, LOCK_WAIT_MS } from "./store.ts";

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
 * Takes back an attachment whose record is lost or cannot be read. In the pod's own namespace what looks like a branch
 * **is** the pod's, unless a record says that the namespace is another sandbox's by now; on the node, only what belongs
 * to a VLAN id that no record claims is removed, since it may have a new owner. True when something was found.
 */
export function recover(node: Node, traces: Traces): boolean {
  using namespace = openPods(traces.netns);
  using kernel = kernelFor(node, namespace);
  // A record that cannot be read says the VLAN id all the same, by its name.
  const [recorded] = node.store.vlanIdsOf(traces);
  const restoration = () => (namespace === undefined ? undefined : restoreFrom(kernel, traces));
  const vlanId = recorded ?? restoration()?.vlanId ?? traces.branch?.vlanId;
  if (vlanId === undefined || !hasTable(vlanId)) return false;
  return node.store.withVlan(vlanId, LOCK_WAIT_MS, () => {
    const owners = node.store.keysOf(vlanId).filter((key) => !isSame(key, traces));
    const isOthers = owners.some((key) => namespaceOf(node, key) === (namespace?.identity ?? ""));
    const onHost = () => [
      ...leftByDirect(kernel, vlanId),
      ...(recorded === undefined ? [] : leftByRouted(kernel, vlanId)),
    ];
    const operations = isOthers
      ? []
      : [...(restoration()?.operations ?? []), ...(owners.length > 0 ? [] : onHost())];
    const [problem] = undo(kernel, operations);
    if (problem !== undefined) {
      throw new DatapathError("kernel", `VLAN ${vlanId} could not be taken back whole: ${problem.message}`, {
        cause: problem,
      });
    }
    // It may have been the last strict pod's.
    if (recorded !== undefined) leaveStrict(node, kernel, { ...traces, vlanId: recorded });
    return operations.length > 0;
  });
}

function isSame(a: AttachmentKey, b: AttachmentKey): boolean {
  return a.containerId === b.containerId && a.ifName === b.ifName;
}

/** Undefined for a namespace that is gone, and for a record that cannot be read. */
function namespaceOf(node: Node, key: AttachmentKey): string | undefined {
  try {
    const record = node.store.find(key);
    using namespace = record === undefined ? undefined : reopen(node, record);
    return namespace?.identity;
  } catch (error) {
    if (error instanceof AttachmentError) return undefined;
    throw error;
  }
}
