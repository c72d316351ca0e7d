import type { Action, Decision } from "../action.ts";
import { Draft } from "../draft.ts";
import type { PodFacts } from "../facts.ts";
import type { Branch } from "../ledger.ts";
import type { View } from "../view.ts";
import { Keeping } from "../warm/keeping.ts";
import { confirmGone } from "./actions/confirm-gone.ts";
import { deleteBranch } from "./actions/delete-branch.ts";
import { disassociate } from "./actions/disassociate.ts";
import { isCertain } from "./certain.ts";

/** The end of branches without a pod: confirm → cool → disassociate → delete. */
export function decideReleases(view: View, now: number): Decision {
  const draft = new Draft();
  // An incomplete cache has too few pods, never too many.
  if (view.settings.mode !== "standalone" || !view.isComplete) return draft;
  const living = new Map(view.pods.filter(({ isFinished }) => !isFinished).map((pod) => [pod.uid, pod]));
  const keeping = new Keeping(view);
  for (const branch of view.ledger.branches.values()) {
    if (branch.pod !== undefined && view.busy.has(`pod ${branch.pod.uid}`)) continue;
    const action = release({ view, draft, keeping, living, now }, branch);
    if (action !== undefined && draft.isDue(branch.retry, now)) draft.actions.push(action);
  }
  return draft;
}

const LATER_MS = 1_000;

interface Releasing {
  readonly view: View;
  readonly draft: Draft;
  readonly keeping: Keeping;
  readonly living: ReadonlyMap<string, PodFacts>;
  readonly now: number;
}

function release({ view, draft, keeping, living, now }: Releasing, branch: Branch): Action | undefined {
  switch (branch.state) {
    case "created":
    case "associated":
    case "assigned":
    case "found":
      return isOwned(branch, living) ? undefined : confirmGone(view, branch);
    case "cooling":
      if (branch.until !== undefined && branch.until > now) {
        draft.wake(branch.until);
        return undefined;
      }
      return afterCooling({ draft, keeping, now }, branch);
    case "releasing":
      return removal(branch);
    // A part of its own looks after them.
    case "warming":
    case "warm":
      return undefined;
  }
}

function afterCooling(
  { draft, keeping, now }: Pick<Releasing, "draft" | "keeping" | "now">,
  branch: Branch,
): Action | undefined {
  const kept = keeping.of(branch, now);
  if (kept !== "later") return kept ?? removal(branch);
  draft.wake(now + LATER_MS);
  return undefined;
}

function isOwned({ pod, state, eni }: Branch, living: ReadonlyMap<string, PodFacts>): boolean {
  const owner = pod === undefined ? undefined : living.get(pod.uid);
  if (owner === undefined) return false;
  if (state !== "found") return true;
  // A second one of a pod that has its branch.
  return owner.claim === undefined || owner.claim === "unreadable" || owner.claim.eniId === eni.id;
}

function removal(branch: Branch): Action | undefined {
  if (!isCertain(branch)) return undefined;
  return branch.association === undefined ? deleteBranch(branch) : disassociate(branch, branch.association);
}
