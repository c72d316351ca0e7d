import { type Branch, type Ledger, withEntry, withRequest } from "../ledger.ts";
import { withoutEndedChanges } from "./group-change.ts";
import type { View } from "../view.ts";

/**
 * The ledger with the pods that were there before us, without requests of pods that do not wait any more, without VLAN ids
 * that were blocked long enough, and on EKS without branches whose pods have ended.
 */
export function tidied(
  ledger: Ledger,
  { pods, isComplete, busy, settings }: Pick<View, "pods" | "isComplete" | "busy" | "settings">,
  now: number,
): Ledger {
  let result = ledger;
  const waiting = new Set(
    pods
      .filter(({ wantsBranch, isFinished, claim }) => wantsBranch && !isFinished && claim === undefined)
      .map(({ uid }) => uid),
  );
  if (isComplete && ledger.inherited === undefined) result = { ...result, inherited: waiting };
  // An ENI that a forgotten request may have made is found by its tags.
  for (const uid of isComplete ? ledger.requests.keys() : []) {
    // The answer of one that is under way is waited for: its VLAN id is not free.
    if (!waiting.has(uid) && !busy.has(`pod ${uid}`)) result = withRequest(result, uid, undefined);
  }
  if (settings.mode === "eks" && isComplete) result = withoutEnded(result, pods);
  result = withoutEndedChanges(result);
  for (const [vlan, until] of ledger.blocked) {
    if (until <= now) result = { ...result, blocked: withEntry(result.blocked, vlan, undefined) };
  }
  return result;
}

/** EKS's controller releases them. Of one that it still has, descriptions tell again. */
function withoutEnded(ledger: Ledger, pods: View["pods"]): Ledger {
  const living = new Set(pods.filter(({ isFinished }) => !isFinished).map(({ uid }) => uid));
  const isOver = ({ state, pod }: Branch) =>
    state === "assigned" && (pod === undefined || !living.has(pod.uid));
  if (![...ledger.branches.values()].some(isOver)) return ledger;
  return { ...ledger, branches: new Map([...ledger.branches].filter(([, branch]) => !isOver(branch))) };
}
