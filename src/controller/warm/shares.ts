import type { RecentSet } from "../ledger.ts";
import { keyOfSet } from "./group-sets.ts";

/** How many of `target` warm branches are for which groups, by namespace and groups: the newest first, in turns. */
export function sharesOf(
  recent: ReadonlyMap<string, RecentSet>,
  target: number,
): ReadonlyMap<string, number> {
  const newest = [...recent.keys()].toReversed();
  const shares = new Map<string, number>();
  if (newest.length === 0) return shares;
  for (let i = 0; i < target; i += 1) {
    const key = newest[i % newest.length] ?? "";
    shares.set(key, (shares.get(key) ?? 0) + 1);
  }
  return shares;
}

/** The set that most of its share lacks; undefined: none lacks any. */
export function mostLacking(
  recent: ReadonlyMap<string, RecentSet>,
  shares: ReadonlyMap<string, number>,
  have: ReadonlyMap<string, number>,
): RecentSet | undefined {
  let most: RecentSet | undefined;
  let lack = 0;
  for (const [key, share] of shares) {
    const missing = share - (have.get(key) ?? 0);
    if (missing > lack) [most, lack] = [recent.get(key), missing];
  }
  return most;
}

export function countSets(
  sets: Iterable<{ readonly namespace: string; readonly groups: readonly string[] }>,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { namespace, groups } of sets) {
    const key = keyOfSet(namespace, groups);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
