import { type Ledger, withEntry, withRequest } from "../ledger.ts";
import { withoutEndedChanges } from "./group-change.ts";
import type { View } from "../view.ts";

/**
 * The ledger with the pods that were there before us, without requests of pods that do not wait any more, and without VLAN
 * ids that were blocked long enough.
 */
export function tidied(
  ledger: Ledger,
  { pods, isComplete, busy }: Pick<View, "pods" | "isComplete" | "busy">,
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
  result = withoutEndedChanges(result);
  for (const [vlan, until] of ledger.blocked) {
    if (until <= now) result = { ...result, blocked: withEntry(result.blocked, vlan, undefined) };
  }
  return result;
}
