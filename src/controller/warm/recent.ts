import type { Ledger, RecentSet, WarmLedger } from "../ledger.ts";
import type { View } from "../view.ts";
import { keyOfSet } from "./group-sets.ts";
import { warmCount } from "./pool.ts";

/** For so long after its last pod a set of groups is worth a warm branch. */
const RECENT_MS = 3_600_000;
/** A pod that lives is noted again after so long. */
const NOTED_MS = 60_000;

/** The ledger with the groups that pods of the instance have or had lately, and whether warm branches lack. */
export function withRecent(ledger: Ledger, view: Omit<View, "ledger">, now: number): Ledger {
  const { target } = view.settings.warm;
  if (target === 0 || view.settings.mode !== "standalone") return ledger;
  const recent = recentSets(ledger.warm.recent, view, now);
  const isLacking = recent.size > 0 && warmCount(ledger) < target;
  const lackingSince = isLacking ? (ledger.warm.lackingSince ?? now) : undefined;
  const making =
    view.node === undefined && view.isComplete ? withoutIdle(ledger.warm, view) : ledger.warm.making;
  return { ...ledger, warm: { ...ledger.warm, recent, lackingSince, making } };
}

function recentSets(
  before: ReadonlyMap<string, RecentSet>,
  { pods, areGroupsCurrent }: Pick<View, "pods" | "areGroupsCurrent">,
  now: number,
): ReadonlyMap<string, RecentSet> {
  const isOld = ({ at }: RecentSet) => now - at >= RECENT_MS;
  let recent = [...before.values()].some(isOld)
    ? new Map([...before].filter(([, one]) => !isOld(one)))
    : undefined;
  for (const { namespace, wantsBranch, isFinished, groups } of areGroupsCurrent ? pods : []) {
    if (!wantsBranch || isFinished || groups.undecided.length > 0 || groups.groups.length === 0) continue;
    const key = keyOfSet(namespace, groups.groups);
    const noted = (recent ?? before).get(key);
    if (noted !== undefined && now - noted.at < NOTED_MS) continue;
    recent ??= new Map(before);
    recent.delete(key);
    recent.set(key, { namespace, groups: groups.groups, at: now });
  }
  return recent ?? before;
}

/** Of an instance without a node nothing is made: what was made is found by its tags. */
function withoutIdle({ making }: WarmLedger, { busy }: Pick<View, "busy">): WarmLedger["making"] {
  return new Map([...making].filter(([vlan]) => busy.has(`warm ${vlan}`)));
}
