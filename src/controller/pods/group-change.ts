import { type Branch, type Ledger, withEntry } from "../ledger.ts";
import type { Retry } from "../moment.ts";
import { isSameSet } from "../warm/group-sets.ts";

/** A change of the groups of a living pod's branch. */
export interface GroupChange {
  /** Those that EC2 was asked for last. */
  readonly groups: readonly string[];
  /** EC2 has been asked, and has not answered. */
  readonly isUnderWay: boolean;
  /** An answer was lost: which groups the branch has is not known until another is here. */
  readonly mayBeDone: boolean;
  /** When EC2 answered last that it was done; undefined: it has not. */
  readonly doneAt: number | undefined;
  readonly retry: Retry | undefined;
  /** Its tags say that it has had other groups, so that no process gives it to another pod. */
  readonly isMarked: boolean;
}

export const NO_CHANGE: GroupChange = {
  groups: [],
  isUnderWay: false,
  mayBeDone: false,
  doneAt: undefined,
  retry: undefined,
  isMarked: false,
};

/** A description that was asked for later shows the groups as they are (they lag by seconds). */
const SETTLED_MS = 30_000;
/** Descriptions without it, after which nobody waits any more for one that shows its groups. */
const MISSING = 2;

/**
 * The branch with the groups that EC2 describes. So what somebody else has given it, and what a controller before us has left
 * half done, is seen, and put right as any change is. Of a change under way, or just made, our own account is the newer one.
 */
export function withGroupsOfLiving(
  branch: Branch,
  groups: readonly string[] | undefined,
  change: GroupChange | undefined,
  askedAt: number,
): Branch {
  if (branch.state !== "assigned" || groups === undefined) return branch;
  const isOpen = change !== undefined && (change.isUnderWay || change.mayBeDone);
  const since = Math.max(branch.since, change?.doneAt ?? branch.since);
  if (isOpen || askedAt - since < SETTLED_MS) return branch;
  return { ...branch, eni: { ...branch.eni, groups }, areGroupsSure: true };
}

/** The ledger with these fields of the change of an ENI's groups; the others stay. */
export function withChange(ledger: Ledger, id: string, fields: Partial<GroupChange>): Ledger {
  const before = ledger.changes.get(id) ?? NO_CHANGE;
  return { ...ledger, changes: withEntry(ledger.changes, id, { ...before, ...fields }) };
}

/** What was refused at the last tries for just these groups; of others it says nothing. */
export function retryOf(change: GroupChange | undefined, groups: readonly string[]): Retry | undefined {
  return change !== undefined && isSameSet(change.groups, groups) ? change.retry : undefined;
}

/** The ledger without changes of branches that are no living pod's any more. */
export function withoutEndedChanges(ledger: Ledger): Ledger {
  const { changes, branches } = ledger;
  const isLive = (id: string) => branches.get(id)?.state === "assigned";
  if ([...changes.keys()].every(isLive)) return ledger;
  return { ...ledger, changes: new Map([...changes].filter(([id]) => isLive(id))) };
}

/**
 * Its groups were described once, soon after a start, and may have been others already. Of a change whose answer was lost
 * no description is waited for: it is asked for again.
 */
export function areGroupsUncertain(
  { state, areGroupsSure, missing }: Branch,
  change: GroupChange | undefined,
): boolean {
  return state === "assigned" && !areGroupsSure && missing < MISSING && change?.mayBeDone !== true;
}
