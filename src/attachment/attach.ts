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
 * A namespace that is being torn down keeps its VLAN device for a moment after the last path to it has gone
 * (cleanup_net runs on a work queue), and nothing shows it meanwhile.
 */
const TEARDOWN_WAIT_MS = 5_000;
const TEARDOWN_POLL_MS = 20;

/**
 * Whether the claim's own pod has a branch by its VLAN id already, of the primary plugin's making: on the node is a VLAN
 * device without a record that leads to the pod. DatapathError `held` when that, or the id's route table, leads to
 * another pod that lives. Asked before the first change, since what the node has for a VLAN id is cleared for its next
 * owner. The caller holds the VLAN's lock and has called takeOver.
 */
export function isAttachedOnNode(
  kernel: Kernel,
  claim: Claim,
  { trunk, veth, rules, table }: Pick<NodeFacts, "trunk" | "veth" | "rules" | "table">,
): boolean {
  // Nothing leads anywhere without these, and most VLAN ids have none.
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
 * Carries out a plan for a pod, with its record written first. When it fails, what was done is taken back and the record
 * goes too, unless something could not be taken back: then it stays for DEL. What the node's pods share is prepared once
 * the record says that this pod needs it; the branch is attached when it is ready as well. The caller holds the VLAN's lock and has
 * called takeOver.
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

/** What fails after the steps have been carried out takes them back, as a step that fails does. */
function orUndo(kernel: Kernel, record: AttachmentRecord, wait: () => void): void {
  try {
    wait();
  } catch (error) {
    const details = undo(kernel, undoOf(record.steps)).map(({ message }) => `not taken back: ${message}`);
    const [failure, message] =
      error instanceof DatapathError ? [error.failure, error.message] : (["kernel", String(error)] as const);
    const cause = error instanceof DatapathError ? error.cause : error;
    throw new DatapathError(failure, message, { cause, details });
  }
}

/** The error that came first, with what could not be taken back for it. */
function withProblem(error: unknown, problem: unknown): unknown {
  const details = [`not taken back: ${problem instanceof Error ? problem.message : String(problem)}`];
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
 * Applies the steps. An id that is taken though no record says so is freed first: its device was left by somebody who
 * lost its records, or made by aws-cni on the node, which replaces such devices as well.
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
  // The walk through all namespaces takes long on a busy node: what was removed last leaves the id free all the same.
  if (hasEvicted && attempt() === true) return;
  throw new DatapathError(
    "held",
    `VLAN id ${vlanId} on trunk ${trunk.name} is taken by a device that cannot be found: no path and no process leads to its network namespace`,
  );
}

/**
 * Whether the kernel refused because the trunk has this VLAN id already, and for nothing else: what could not be taken
 * back of this try must be told, so there is no other one.
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

/** EC2 holds one branch per VLAN id of a trunk, so another MAC is of a branch that is no more. */
function judgeStranger(
  kernel: Kernel,
  record: AttachmentRecord,
  { link, at, namespace }: Holder,
): Refusal | undefined {
  const claimant = `; asked for by ${claimantOf(record)}`;
  if (at === "node") {
    // Its maker may have come after we looked.
    const pod = podBehind(kernel, record.vlanId, record.namespace.veth);
    return pod === undefined ? undefined : { refuse: leadsTo(link, pod) + claimant };
  }
  if (link.mac !== record.mac) return undefined;
  return {
    refuse: `device ${link.name} with MAC ${record.mac} of ${record.eniId} is in namespace ${namespace}, and no record says whose it is${claimant}`,
  };
}

/**
 * Frees the VLAN id of what earlier attachments left on it: a retry of the same pod, a namespace that is gone, a pod that
 * the API server has no more. DatapathError `held` when another pod that lives has the id, or what only one branch can
 * have, and `config` when another interface of the same container has a branch. Before anything is taken from another
 * sandbox, `requireReady` may throw: an ADD that cannot succeed takes nothing from anybody.
 */
export function takeOver(
  node: Node,
  claim: Claim,
  requireReady: () => void = () => undefined,
  witness: Witness = {},
): void {
  requireUnshared(node, claim);
  const records = node.store.withVlanId(claim.vlanId);
  if (records.length === 0) return;
  for (const record of records) requireFree(node, record, claim, witness);
  // While the sandbox itself has a branch its interface is not what a primary leaves.
  if (!records.some((record) => isSameSandbox(record, claim))) requireReady();
  // Without a record of his own nobody takes anything over.
  node.store.tryToWrite(claim.vlanId);
  for (const record of records) detachRecord(node, record);
}

/**
 * Takes back what the same container's interface has by another VLAN id: it is asked for again, with another branch. Not
 * under the lock of the id that is asked for: two calls that each want the other's would wait for each other.
 */
export function detachOther(node: Node, claim: Claim): void {
  const { containerId, ifName } = claim;
  const attachments = node.store.attachmentsOf(containerId);
  const others = attachments.filter((one) => one.ifName !== ifName);
  // Before anything is taken back: this interface may be the second one, whose ADD will fail.
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
