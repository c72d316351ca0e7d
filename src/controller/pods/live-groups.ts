import type { Decision, Note } from "../action.ts";
import { Draft } from "../draft.ts";
import type { PodFacts } from "../facts.ts";
import type { Branch, Ledger } from "../ledger.ts";
import type { View } from "../view.ts";
import { changeGroups } from "./actions/change-groups.ts";
import { markChanged } from "./actions/mark-changed.ts";
import { isSameSet } from "../warm/group-sets.ts";
import { retryOf } from "./group-change.ts";
import { subjectOf } from "./branches.ts";

/** After so long it is looked again whether policies are followed. */
const FOLLOWED_MS = 500;

/**
 * The groups of living pods that have their branch follow their policies. In doubt nothing is changed: a pod that no policy
 * selects any more, or of which that is not known, keeps what it has.
 */
export function decideLiveGroups(view: View, now: number): Decision {
  const draft = new Draft();
  if (isAnothers(view)) return draft;
  for (const pod of view.pods) {
    const branch = branchOf(view.ledger, pod);
    // Without groups nobody has described it yet.
    if (branch === undefined || branch.eni.groups.length === 0 || view.busy.has(subjectOf(pod))) continue;
    decideOne(view, draft, { pod, branch, now });
  }
  return draft;
}

/** Another controller than ours, or EKS's in its mode, makes the node's branches. */
function isAnothers({ settings, cniNode }: View): boolean {
  const managedBy = cniNode?.managedBy;
  return settings.mode === "standalone" && managedBy !== undefined && managedBy !== "branchline";
}

/** The branch in its annotation, as long as the pod uses it and EC2 shows it to be its own. */
function branchOf(
  { branches }: Ledger,
  { uid, claim, isFinished, isBeingDeleted }: PodFacts,
): Branch | undefined {
  if (typeof claim !== "object" || isFinished || isBeingDeleted) return undefined;
  const branch = branches.get(claim.eniId);
  return branch?.state === "assigned" && branch.pod?.uid === uid ? branch : undefined;
}

interface Changing {
  readonly pod: PodFacts;
  readonly branch: Branch;
  readonly now: number;
}

function decideOne(view: View, draft: Draft, { pod, branch, now }: Changing): void {
  const { ledger, settings, areGroupsCurrent } = view;
  const { groups, undecided } = pod.groups;
  const { id, groups: has } = branch.eni;
  const change = ledger.changes.get(id);
  const isDone = change?.mayBeDone !== true && isSameSet(has, groups);
  if (undecided.length === 0 && isDone) return;
  if (!areGroupsCurrent) {
    draft.wake(now + FOLLOWED_MS);
    return;
  }
  const [doubt] = undecided;
  if (doubt !== undefined) {
    const why = `SecurityGroupPolicy ${doubt.policy} cannot be read, and may select the pod: ${doubt.why}`;
    draft.notes.push(unchanged(pod, branch, why));
  } else if (groups.length === 0) {
    draft.notes.push(kept(pod, branch));
  } else if (!settings.liveGroups) {
    draft.notes.push(unchanged(pod, branch, "--live-groups=false: delete the pod, so that it is made anew"));
  } else {
    const retry = retryOf(change, groups);
    if (draft.isDue(retry, now))
      draft.actions.push(isMarked(view, branch) ? changeGroups(pod, branch) : markChanged(pod, branch));
    else draft.notes.push(unchanged(pod, branch, retry?.why ?? ""));
  }
}

/** EKS's branches are given to no other pod, and those of one namespace for whatever groups are its own for good. */
function isMarked({ settings, ledger }: View, { eni, home }: Branch): boolean {
  return settings.mode === "eks" || home?.isOpen === true || ledger.changes.get(eni.id)?.isMarked === true;
}

function unchanged(pod: PodFacts, { eni }: Branch, why: string): Note {
  const message = `its branch ${eni.id} keeps the groups ${eni.groups.join(", ")}: ${why}`;
  return { about: pod, type: "Warning", reason: "GroupsNotChanged", message, lasts: true };
}

function kept(pod: PodFacts, { eni }: Branch): Note {
  const message = `no SecurityGroupPolicy selects the pod any more: its branch ${eni.id} keeps the groups ${eni.groups.join(", ")} until the pod ends`;
  return { about: pod, type: "Warning", reason: "GroupsKept", message, lasts: true };
}
