import type { Branch } from "../ledger.ts";

/**
 * A branch whose pod is known to be gone. One that was on its VLAN cools: packets for the pod may be under way, and the
 * node may still be taking it down.
 */
export function ended(branch: Branch, now: number, cooldownMs: number): Branch {
  if (branch.state === "cooling" || branch.state === "releasing") return branch;
  const wasUsed = branch.state !== "created" || branch.association !== undefined;
  return {
    ...branch,
    state: wasUsed ? "cooling" : "releasing",
    until: wasUsed ? now + cooldownMs : undefined,
    since: now,
    retry: undefined,
  };
}
