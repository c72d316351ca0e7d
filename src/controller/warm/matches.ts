import type { Action } from "../action.ts";
import type { PodFacts } from "../facts.ts";
import { type AttachedTrunk, type Branch, branchOfPod } from "../ledger.ts";
import { isInPlace } from "../pods/branch-subnet.ts";
import { disassociate } from "../pods/actions/disassociate.ts";
import type { View } from "../view.ts";
import { claimWarm } from "./actions/claim-warm.ts";
import { takeWarm } from "./actions/take-warm.ts";
import { fits, fitsWithOtherGroups } from "./pool.ts";

const MOST_FAILURES = 3;

/** Warm branches for waiting pods, each for one; those that wait longest are warm longest. */
export class Matches {
  private readonly left: Branch[];
  private readonly byPod = new Map<string, Action>();
  /** Slots that become free without us. */
  private releasing: number;

  /** `waiting`: pods whose groups are known. Nobody is given any without a trunk. */
  constructor(view: View, waiting: readonly PodFacts[], trunk: AttachedTrunk | undefined) {
    const { ledger, settings, busy } = view;
    const all = [...ledger.branches.values()];
    this.left = all.filter(({ state, eni }) => state === "warm" && !busy.has(`eni ${eni.id}`));
    this.releasing = all.filter(isOnItsWayOut).length;
    if (this.left.length === 0 || trunk === undefined) return;
    const isHere = (branch: Branch) => isInPlace(branch, view, trunk);
    // A creation that may have happened is finished.
    const open = waiting.filter(
      ({ uid }) => branchOfPod(ledger, uid) === undefined && ledger.requests.get(uid)?.making === undefined,
    );
    this.match(open, (pod, branch) => isHere(branch) && fits(branch, wantingOf(pod)), claimWarm);
    this.match(
      open,
      (pod, branch) => isHere(branch) && fitsWithOtherGroups(branch, wantingOf(pod), settings.warm),
      takeWarm,
    );
  }

  of({ uid }: PodFacts): Action | undefined {
    return this.byPod.get(uid);
  }

  /** For a pod without a slot: gives up a warm branch that fits nobody. Undefined: none is left, or one is on its way out. */
  giveUp(): Action | undefined {
    if (this.releasing > 0) {
      this.releasing -= 1;
      return undefined;
    }
    const branch = this.left.shift();
    if (branch?.association === undefined) return undefined;
    return { ...disassociate(branch, branch.association), priority: "waiting" };
  }

  private match(
    pods: readonly PodFacts[],
    isFor: (pod: PodFacts, branch: Branch) => boolean,
    give: (pod: PodFacts, branch: Branch) => Action,
  ): void {
    for (const pod of pods) {
      if (this.byPod.has(pod.uid)) continue;
      const at = this.left.findIndex((branch) => isFor(pod, branch));
      const [branch] = at < 0 ? [] : this.left.splice(at, 1);
      if (branch !== undefined) this.byPod.set(pod.uid, give(pod, branch));
    }
  }
}

/** Its slot is free soon; of one that EC2 has refused to release again and again nobody knows when. */
function isOnItsWayOut({ state, vlan, retry }: Branch): boolean {
  return state === "releasing" && vlan !== undefined && (retry?.failures ?? 0) < MOST_FAILURES;
}

function wantingOf({ namespace, groups }: PodFacts) {
  return { namespace, groups: groups.groups };
}
