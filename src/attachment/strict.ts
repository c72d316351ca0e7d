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
} from "../datapath/routed/local-rule.ts";
import type { IpFamily } from "../values/ip.ts";
import { StrictFile } from "../state/strict.ts";
import { plainRule } from "../netlink/route/rule.ts";
import { type Node, kernelFor, reopen } from "./node.ts";
import type { AttachmentRecord } from "../state/record.ts";
import { StateError, type AttachmentKey, LOCK_WAIT_MS, LeftBehindError } from "../state/store.ts";

/**
 * Strict mode's changes to the node are shared by its strict pods: made for the first, put back after the last. What was
 * changed is written down first, so that only that is put back (aws-cni may have moved the rule itself), and that it is
 * put back whatever happens in between.
 */

export interface StrictOptions {
  /** Those of the pod's branch: the other family's traffic is none of strict mode's. */
  readonly families: readonly IpFamily[];
  readonly manageEarlyDemux: boolean;
}

/**
 * Makes the node ready for a strict pod whose record is written already. True when kubelet's TCP probes cannot work:
 * tcp_early_demux is on, and it is not ours to switch off.
 */
export function enterStrict(node: Node, kernel: Kernel, options: StrictOptions): { probesFail: boolean } {
  const file = fileOf(node);
  return node.store.withNode(LOCK_WAIT_MS, () => {
    file.removeUnfinished();
    const before = file.read();
    // Somebody may have removed the rule since it was moved for an earlier pod: then the node takes nothing in.
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
 * Removes a strict pod's record, and with the last one puts back what strict mode changed for the node, unless a rule
 * speaks of a strict pod still. The record goes last: a DEL that did not get so far is done again. What cannot be brought
 * up to date in the state directory is said at the end, by LeftBehindError: no retry would mend it.
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

/** Whoever holds the lock looks at the same thing right now. */
const REVIEW_WAIT_MS = 1_000;

/**
 * Looks again whether what strict mode changed is still needed, and puts it back if not. The last strict pod may have
 * been aws-cni's, of whose end nobody tells us, so every call that changes something about a pod asks. While it is
 * needed, a rule for table local that somebody removed is put back behind those of the pods.
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

/** A record that cannot be read may be a strict pod's. One whose namespace is gone was left behind. */
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
 * Takes away the rules of strict mode that name a veth of these, for a pod without a branch: they are of an earlier pod of
 * its name, whose DEL has not come yet, and would send what this one sends by the other's branch. The earlier pod's own
 * veth is gone, or its name would be taken. DatapathError when the kernel refuses.
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
    `rules of an earlier pod of the same veth could not be removed: ${problem.message}`,
    { cause: problem },
  );
}
