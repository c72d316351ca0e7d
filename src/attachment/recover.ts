import { undo } from "../datapath/apply.ts";
import type { LostPod } from "../datapath/datapath.ts";
import { DatapathError } from "../datapath/error.ts";
import { RECOVERIES } from "../datapath/recoveries.ts";
import type { Kernel } from "../datapath/kernel.ts";
import { hasTable } from "../datapath/numbers.ts";
import { podBehind } from "../datapath/owner.ts";
import type { BranchIdentity } from "../ipam/annotation.ts";
import { type Node, kernelFor, openPodNamespace, reopen } from "./node.ts";
import { leaveStrict } from "./strict.ts";
import { StateError, type AttachmentKey, LOCK_WAIT_MS, type OnStateError } from "../state/store.ts";

/** What a teardown without a record knows. */
export interface Traces extends LostPod {
  readonly containerId: string;
  /** Path of the namespace; may be empty or gone. */
  readonly netns: string;
  /** From the pod's annotation. */
  readonly branch?: BranchIdentity;
}

/**
 * Detaches a branch whose record is lost or cannot be read. In the pod's own namespace, what looks like a branch **is**
 * the pod's, unless a record says that the namespace belongs to another sandbox by now. On the node only things of a
 * VLAN id that no record claims are removed, since the id may have a new owner. True when something was found.
 *
 * If the records cannot even be listed, the pod's namespace is restored all the same, and then StateError is thrown:
 * the records may know of more. `tolerate` is called with errors of the locks. LeftBehindError: everything is undone,
 * but the record stays.
 */
export function recover(node: Node, traces: Traces, tolerate: OnStateError): boolean {
  using namespace = openPodNamespace(traces.netns);
  using kernel = kernelFor(node, namespace);
  // The file name of an unreadable record still gives the VLAN id.
  const listed = listing(node, traces);
  const recorded = listed instanceof StateError ? undefined : listed;
  const restoration = () => (namespace === undefined ? undefined : restorationOf(kernel, traces));
  const vlanId = recorded ?? restoration()?.vlanId ?? traces.branch?.vlanId;
  // Whatever that file name says, aws-cni may have given the id to another pod since.
  const leadsElsewhere = (id: number) => {
    const own = namespace === undefined ? undefined : ownVeth(kernel, traces);
    const pod = podBehind(kernel, id, own);
    return pod !== undefined && pod.index !== own;
  };
  const takeBack = (id: number) => {
    const owners = listed instanceof StateError ? [] : othersOf(node, id, traces);
    const isOtherPod = owners.some((key) => namespaceOf(node, key) === (namespace?.identity ?? ""));
    const isUnclaimed = owners.length === 0 && !(listed instanceof StateError);
    const onNode = () =>
      leadsElsewhere(id)
        ? []
        : Object.values(RECOVERIES).flatMap((datapath) =>
            datapath.leftovers(kernel, id, { isRecorded: recorded !== undefined, mac: traces.branch?.mac }),
          );
    const operations = isOtherPod
      ? []
      : [...(restoration()?.operations ?? []), ...(isUnclaimed ? onNode() : [])];
    const [problem] = undo(kernel, operations);
    if (problem !== undefined) {
      throw new DatapathError("kernel", `VLAN ${id} could not be detached completely: ${problem.message}`, {
        cause: problem,
      });
    }
    // The pod may have been the last strict one.
    if (recorded !== undefined) leaveStrict(node, kernel, { ...traces, vlanId: recorded });
    return operations.length > 0;
  };
  const found =
    vlanId === undefined || !hasTable(vlanId)
      ? false
      : node.store.withVlan(vlanId, LOCK_WAIT_MS, () => takeBack(vlanId), tolerate);
  if (listed instanceof StateError) throw listed;
  return found;
}

function restorationOf(kernel: Kernel, pod: LostPod) {
  for (const { restore } of Object.values(RECOVERIES)) {
    const found = restore?.(kernel, pod);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** ifindex of the node's end of the pod's veth, whatever the name of the pod's end. */
function ownVeth(kernel: Kernel, { hostInterfaceName, ifName }: Traces): number | undefined {
  return kernel.links("pod", [hostInterfaceName, ifName]).find((link) => link?.kind === "veth")?.linkIndex;
}

/** The VLAN id in the file name of the attachment's record; an error when the records cannot be listed. */
function listing(node: Node, key: AttachmentKey): number | StateError | undefined {
  try {
    return node.store.vlanIdsOf(key)[0];
  } catch (error) {
    if (error instanceof StateError) return error;
    throw error;
  }
}

function othersOf(node: Node, vlanId: number, own: AttachmentKey): AttachmentKey[] {
  return node.store.keysOf(vlanId).filter((key) => !isSame(key, own));
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
    if (error instanceof StateError) return undefined;
    throw error;
  }
}
