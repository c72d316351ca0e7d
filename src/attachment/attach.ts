import { apply, undo } from "../datapath/apply.ts";
import { DatapathError } from "../datapath/error.ts";
import { type Holder, type Refusal, evict } from "../datapath/holders.ts";
import type { NodeFacts } from "../datapath/facts.ts";
import type { Kernel } from "../datapath/kernel.ts";
import { tableOf } from "../datapath/numbers.ts";
import { ownerOfTable, podBehind, vlanOnNode } from "../datapath/owner.ts";
import { undoOf } from "../datapath/operation.ts";
import { NetlinkError } from "../netlink/error.ts";
import type { Link } from "../netlink/route/link.ts";
import { poll } from "../sys/clock.ts";
import { Errno } from "../sys/errno.ts";
import {
  type Claim,
  type Witness,
  claimantOf,
  isSameSandbox,
  requireFree,
  requireOnlyInterface,
  requireUnshared,
} from "./claim.ts";
import { detachRecord, forget } from "./detach.ts";
import type { Node } from "./node.ts";
import type { AttachmentRecord } from "../state/record.ts";
import { StateError, LOCK_WAIT_MS } from "../state/store.ts";

/**
 * A namespace that is being torn down keeps its VLAN device for a moment after the last path to it is gone (cleanup_net
 * runs on a work queue). Meanwhile nobody can see the device.
 */
const TEARDOWN_WAIT_MS = 5_000;
const TEARDOWN_POLL_MS = 20;

/**
 * Whether the primary plugin has already attached a branch by this VLAN id to the claim's own pod: the node has a VLAN
 * device without a record, and it leads to the pod. DatapathError `held` when the device, or the id's route table,
 * leads to another living pod. Called before the first change, since ADD clears what the node has for the VLAN id. The
 * caller holds the VLAN's lock and has called takeOver.
 */
export function isAttachedOnNode(
  kernel: Kernel,
  claim: Claim,
  { trunk, veth, rules, table }: Pick<NodeFacts, "trunk" | "veth" | "rules" | "table">,
): boolean {
  // Without rules and routes nothing leads to a pod, and most VLAN ids have none.
  if (rules.length === 0 && table.length === 0) return false;
  const device = vlanOnNode(kernel, trunk, claim.vlanId);
  const owner =
    device === undefined
      ? ownerOfTable(kernel, { table, rules })
      : podBehind(kernel, claim.vlanId, veth.index);
  if (owner === undefined) return false;
  if (owner.index === veth.index) return device !== undefined;
  const what = device === undefined ? hasRoutesBy(claim.vlanId, owner) : leadsTo(device, owner);
  throw new DatapathError(
    "held",
    `VLAN id ${claim.vlanId} on trunk ${trunk.name}: ${what}; asked for by ${claimantOf(claim)}`,
  );
}

function leadsTo({ name, mac }: Link, pod: Link): string {
  return `device ${name} with MAC ${mac ?? "none"} leads to a living pod behind ${pod.name}, and no record says whose it is (aws-cni's?)`;
}

function hasRoutesBy(vlanId: number, { name, kind }: Link): string {
  const whose = kind === "veth" ? "to a living pod behind" : "by";
  return `table ${tableOf(vlanId)} has routes ${whose} ${name}, and no record says whose they are (aws-cni's?)`;
}

/**
 * Writes the record, then carries out its steps. On failure everything is undone and the record removed; if something
 * cannot be undone, the record stays for DEL. `prepareNode` runs once the record says that the pod needs it; the branch
 * counts as attached when `waitUntilReady` returns. The caller holds the VLAN's lock and has called takeOver.
 */
export function attach(
  node: Node,
  kernel: Kernel,
  record: AttachmentRecord,
  prepareNode: () => void = () => undefined,
  waitUntilReady: () => void = () => undefined,
): void {
  node.store.write(record);
  try {
    prepareNode();
    applyEvicting(node, kernel, record);
    orUndo(kernel, record, waitUntilReady);
  } catch (error) {
    if (error instanceof DatapathError && error.details.length > 0) throw error;
    let problem: unknown;
    try {
      forget(node, kernel, record);
    } catch (left) {
      problem = left;
    }
    throw problem === undefined ? error : withProblem(error, problem);
  }
}

/** A failure after the steps undoes them, as a failing step does. */
function orUndo(kernel: Kernel, record: AttachmentRecord, wait: () => void): void {
  try {
    wait();
  } catch (error) {
    const details = undo(kernel, undoOf(record.steps)).map(({ message }) => `not undone: ${message}`);
    const [failure, message] =
      error instanceof DatapathError ? [error.failure, error.message] : (["kernel", String(error)] as const);
    const cause = error instanceof DatapathError ? error.cause : error;
    throw new DatapathError(failure, message, { cause, details });
  }
}

/** The first error, with what could not be undone after it. */
function withProblem(error: unknown, problem: unknown): unknown {
  const details = [`not undone: ${problem instanceof Error ? problem.message : String(problem)}`];
  if (error instanceof DatapathError) {
    const { failure, message, cause, operation } = error;
    return new DatapathError(failure, message, {
      cause,
      details,
      ...(operation !== undefined && { operation }),
    });
  }
  return error instanceof StateError ? new StateError(error.message, { cause: error, details }) : error;
}

/**
 * Applies the steps. If the VLAN id is taken although no record says so, it is freed and the steps are tried again: the
 * device was left behind by somebody whose records are lost, or made on the node by aws-cni, which replaces such
 * devices as well.
 */
function applyEvicting(node: Node, kernel: Kernel, record: AttachmentRecord): void {
  const { trunk, vlanId } = record;
  let hasEvicted = false;
  const attempt = () => {
    try {
      apply(kernel, record.steps);
      return true;
    } catch (error) {
      if (!isTaken(error)) throw error;
      hasEvicted = evict(
        trunk,
        vlanId,
        (holder) => judgeStranger(kernel, record, holder),
        node.openTransport,
      );
      return undefined;
    }
  };
  if (poll(node.clock, TEARDOWN_WAIT_MS, TEARDOWN_POLL_MS, attempt) === true) return;
  // Walking all namespaces takes long on a busy node. The time may be over although the last removal has freed the id.
  if (hasEvicted && attempt() === true) return;
  throw new DatapathError(
    "held",
    `VLAN id ${vlanId} on trunk ${trunk.name} is taken by a device that cannot be found: no path and no process leads to its network namespace`,
  );
}

/**
 * Whether the kernel refused only because the trunk has this VLAN id already. If something could not be undone there is
 * no second try: it must be reported.
 */
function isTaken(error: unknown): boolean {
  return (
    error instanceof DatapathError &&
    error.details.length === 0 &&
    error.operation?.kind === "vlan" &&
    error.cause instanceof NetlinkError &&
    error.cause.errno === Errno.EEXIST
  );
}

/** EC2 has one branch per VLAN id of a trunk, so another MAC belongs to a branch that no longer exists. */
function judgeStranger(
  kernel: Kernel,
  record: AttachmentRecord,
  { link, at, namespace }: Holder,
): Refusal | undefined {
  const claimant = `; asked for by ${claimantOf(record)}`;
  if (at === "node") {
    // It may have been made after we looked.
    const pod = podBehind(kernel, record.vlanId, record.namespace.veth);
    return pod === undefined ? undefined : { refuse: leadsTo(link, pod) + claimant };
  }
  if (link.mac !== record.mac) return undefined;
  return {
    refuse: `device ${link.name} with MAC ${record.mac} of ${record.eniId} is in namespace ${namespace}, and no record says whose it is${claimant}`,
  };
}

/**
 * Frees the VLAN id of earlier attachments: of the same pod's earlier try, of a namespace that is gone, of a pod that
 * the API server no longer has. DatapathError `held` when another living pod has the id, or something that only one
 * branch can have, and `config` when another interface of the same container has a branch. `requireReady` may throw
 * before anything is taken from another sandbox: an ADD that cannot succeed takes nothing from anybody. Gives what is to be
 * called once the claim's record is written (requireUnshared).
 */
export function takeOver(
  node: Node,
  claim: Claim,
  requireReady: () => void = () => undefined,
  witness: Witness = {},
): () => void {
  const requireNoLatecomer = requireUnshared(node, claim);
  const records = node.store.withVlanId(claim.vlanId);
  if (records.length === 0) return requireNoLatecomer;
  for (const record of records) requireFree(node, record, claim, witness);
  // While the sandbox itself has a branch, its interface is not as a primary plugin leaves it.
  if (!records.some((record) => isSameSandbox(record, claim))) requireReady();
  // An ADD that could not write its own record must not take anything over.
  node.store.tryToWrite(claim.vlanId);
  for (const record of records) detachRecord(node, record);
  return requireNoLatecomer;
}

/**
 * Detaches what the same container's interface has by another VLAN id: ADD is repeated with another branch. Not under
 * the lock of the new id: two calls that each want the other's id would deadlock.
 */
export function detachOther(node: Node, claim: Claim): void {
  const { containerId, ifName } = claim;
  const attachments = node.store.attachmentsOf(containerId);
  const others = attachments.filter((one) => one.ifName !== ifName);
  // Before anything is detached: this may be the container's second interface, whose ADD fails.
  requireOnlyInterface(
    node,
    others.flatMap((one) => node.store.find(one) ?? []),
    claim,
  );
  for (const { vlanId } of attachments.filter((one) => one.ifName === ifName)) {
    if (vlanId === claim.vlanId) continue;
    node.store.withVlan(vlanId, LOCK_WAIT_MS, () => {
      node.store.tryToWrite(vlanId);
      for (const record of node.store.withVlanId(vlanId)) {
        if (record.containerId === containerId && record.ifName === ifName) detachRecord(node, record);
      }
    });
  }
}
