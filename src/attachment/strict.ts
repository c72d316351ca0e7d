import { undo } from "../datapath/apply.ts";
import { DatapathError } from "../datapath/error.ts";
import type { Kernel } from "../datapath/kernel.ts";
import { STRICT_PRIORITY } from "../datapath/numbers.ts";
import { readRules } from "../datapath/read.ts";
import {
  EARLY_DEMUX,
  hasStrictPods,
  isOursToUndo,
  isEarlyDemuxOn,
  localRulesMissing,
  localRulesToMove,
  moveLocalRule,
  restoreLocalRule,
  setEarlyDemux,
} from "../datapath/local-rule.ts";
import type { IpFamily } from "../values/ip.ts";
import { StrictFile } from "../state/strict.ts";
import { plainRule } from "../netlink/route/rule.ts";
import { type Node, kernelFor, reopen } from "./node.ts";
import type { AttachmentRecord } from "../state/record.ts";
import { StateError, type AttachmentKey, LOCK_WAIT_MS, LeftBehindError } from "../state/store.ts";

/**
 * The strict pods of a node share strict mode's changes to it: made for the first pod, undone after the last. Each
 * change is recorded before it is made, so that it is undone whatever happens in between, and that nothing else is
 * (aws-cni may have moved the rule itself).
 */

export interface StrictOptions {
  /** Those of the pod's branch: strict mode does not concern the other family. */
  readonly families: readonly IpFamily[];
  readonly manageEarlyDemux: boolean;
}

/**
 * Prepares the node for a strict pod whose record is written already. `probesFail` when kubelet's TCP probes cannot
 * work: tcp_early_demux is on, and we may not switch it off.
 */
export function enterStrict(node: Node, kernel: Kernel, options: StrictOptions): { probesFail: boolean } {
  const file = fileOf(node);
  return node.store.withNode(LOCK_WAIT_MS, () => {
    file.removeUnfinished();
    const before = file.read();
    // Somebody may have removed the rule since it was moved for an earlier pod: the node then accepts no packets.
    const found = localRulesToMove(kernel, [...new Set([...(before?.moved ?? []), ...options.families])]);
    const isOn = isEarlyDemuxOn(kernel);
    const switchOff = isOn && options.manageEarlyDemux;
    const earlyDemux = switchOff ? kernel.readSysctl("node", EARLY_DEMUX) : before?.earlyDemux;
    const moving = found.filter(isOursToUndo);
    if (moving.length > 0 || switchOff) {
      file.write({
        moved: [...new Set([...(before?.moved ?? []), ...moving.map(({ family }) => family)])],
        ...(earlyDemux !== undefined && { earlyDemux }),
      });
    }
    moveLocalRule(kernel, found);
    if (switchOff) setEarlyDemux(kernel, "0");
    return { probesFail: isOn && !switchOff };
  });
}

/**
 * Removes a strict pod's record, and after the last one undoes what strict mode changed for the node, unless a rule
 * shows that a strict pod is still there. The record is removed last, so that a DEL that is interrupted is repeated. If
 * the state directory cannot be brought up to date, LeftBehindError says so at the end: a retry would not help.
 */
export function leaveStrict(
  node: Node,
  kernel: Kernel,
  record: AttachmentKey & Pick<AttachmentRecord, "vlanId">,
): void {
  const leave = () => {
    const problems: string[] = [];
    for (const part of [
      () => fileOf(node).removeUnfinished(),
      () => putBack(node, kernel, record),
      () => node.store.remove(record),
    ]) {
      try {
        part();
      } catch (error) {
        if (!(error instanceof StateError)) throw error;
        problems.push(error.message);
      }
    }
    if (problems.length > 0) throw new LeftBehindError(problems.join("; "));
  };
  // withVlan has already reported that it fell back to locking the directory.
  node.store.withNode(LOCK_WAIT_MS, leave, () => undefined);
}

/** The holder of the lock is about to look at the same things. */
const REVIEW_WAIT_MS = 1_000;

/**
 * Undoes strict mode's changes to the node if they are no longer needed. The last strict pod may have been one of
 * aws-cni's, and nobody tells us when it ends, so every call that changes a pod checks. While they are needed, a
 * removed rule for table local is added again behind the pods' rules.
 */
export function reviewStrict(node: Node, kernel: Kernel): void {
  const file = fileOf(node);
  if (!file.exists()) return;
  if (hasStrictPods(kernel) && localRulesMissing(kernel).length === 0) return;
  node.store.withNode(REVIEW_WAIT_MS, () => {
    file.removeUnfinished();
    putBack(node, kernel);
    const moved = file.read()?.moved ?? [];
    moveLocalRule(kernel, localRulesMissing(kernel, moved));
  });
}

function putBack(node: Node, kernel: Kernel, record?: AttachmentKey): void {
  const state = fileOf(node).read();
  if (state === undefined || hasStrictPods(kernel) || hasOtherStrictRecords(node, record)) return;
  restoreLocalRule(kernel, state.moved);
  if (state.earlyDemux !== undefined) setEarlyDemux(kernel, state.earlyDemux);
  fileOf(node).remove();
}

/** An unreadable record may be a strict pod's. One whose namespace is gone was left behind. */
function hasOtherStrictRecords(node: Node, own: AttachmentKey | undefined): boolean {
  return node.store.keys().some((key) => {
    if (key.containerId === own?.containerId && key.ifName === own.ifName) return false;
    try {
      const record = node.store.find(key);
      if (record?.mode !== "strict") return false;
      using namespace = reopen(node, record);
      return namespace !== undefined;
    } catch (error) {
      if (error instanceof StateError) return true;
      throw error;
    }
  });
}

function fileOf({ store }: Node): StrictFile {
  return new StrictFile(store.stateDirectory);
}

/**
 * Removes strict mode's rules that name one of these veths, for a pod without a branch. They belong to an earlier pod
 * of the same name, whose DEL has not come yet, and would send this pod's packets through the other's branch. The
 * earlier pod's veth is gone, or its name would still be taken. DatapathError when the kernel refuses.
 */
export function clearStrictRules(node: Node, veths: readonly string[]): void {
  using kernel = kernelFor(node, undefined);
  const rules = readRules(kernel, "node").filter(
    ({ priority, inputDevice }) => priority === STRICT_PRIORITY && veths.includes(inputDevice ?? ""),
  );
  const [problem] = undo(
    kernel,
    rules.map((rule) => ({ kind: "rule", at: "node", rule: plainRule(rule), absent: true })),
  );
  if (problem === undefined) return;
  throw new DatapathError(
    "kernel",
    `rules left by an earlier pod with the same veth name could not be removed: ${problem.message}`,
    { cause: problem },
  );
}
