import type { Branch } from "../ledger.ts";

/** Descriptions that must have shown what we have not made ourselves, before it is deleted or given to a pod. */
export const SIGHTINGS = 2;

/** It is ours beyond doubt: we have made it, or more than one description has shown it with our tags. */
export function isCertain({ seen }: Branch): boolean {
  return seen === "own" || seen >= SIGHTINGS;
}
