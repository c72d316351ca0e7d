import type { PodFacts } from "../facts.ts";
import { type Ledger, withEntry, withRequest } from "../ledger.ts";

/** The ledger without requests of pods that do not wait any more, and without VLAN ids that were blocked long enough. */
export function tidied(ledger: Ledger, pods: readonly PodFacts[], isComplete: boolean, now: number): Ledger {
  let result = ledger;
  const waiting = new Set(
    pods
      .filter(({ wantsBranch, isFinished, claim }) => wantsBranch && !isFinished && claim === undefined)
      .map(({ uid }) => uid),
  );
  // An ENI that a forgotten request may have made is found by its tags.
  for (const uid of isComplete ? ledger.requests.keys() : []) {
    if (!waiting.has(uid)) result = withRequest(result, uid, undefined);
  }
  for (const [vlan, until] of ledger.blocked) {
    if (until <= now) result = { ...result, blocked: withEntry(result.blocked, vlan, undefined) };
  }
  return result;
}
