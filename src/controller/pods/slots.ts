import { type Ledger, takenVlans } from "../ledger.ts";

/** VLAN ids that AWS's controller uses; EC2 takes more, other controllers' tools may not. */
const LAST_VLAN = 120;

/** Free VLAN ids of a trunk that can have `limit` branches, lowest first. */
export function freeVlans(ledger: Ledger, limit: number): readonly number[] {
  const taken = takenVlans(ledger);
  const free: number[] = [];
  for (let vlan = 1; vlan <= LAST_VLAN && free.length < limit - taken.size; vlan += 1) {
    if (!taken.has(vlan)) free.push(vlan);
  }
  return free;
}

/** How many pods can have a branch: those that have one, and free slots. What cools or is foreign counts as none. */
export function slotsForPods(ledger: Ledger, limit: number): number {
  let lost = ledger.blocked.size;
  for (const { state, vlan } of ledger.branches.values()) {
    const isLost = state === "cooling" || state === "releasing" || state === "found";
    if (isLost && vlan !== undefined) lost += 1;
  }
  return Math.max(0, limit - lost);
}

/**
 * When the next slot becomes free by itself; undefined: none does. One that has cooled, and is there all the same, waits for
 * something else: a second description, or EC2.
 */
export function nextFree({ branches, blocked }: Ledger, now: number): number | undefined {
  const times = [...blocked.values()];
  for (const { state, until } of branches.values()) {
    if (state === "cooling" && until !== undefined) times.push(until);
  }
  const next = Math.min(...times.filter((at) => at > now));
  return Number.isFinite(next) ? next : undefined;
}
