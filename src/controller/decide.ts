import type { Action, Decision, Note } from "./action.ts";
import { earlier } from "./draft.ts";
import { decideCapacity } from "./nodes/capacity.ts";
import { decideCniNode } from "./nodes/cni-node.ts";
import { decideCniStatus } from "./nodes/cni-status.ts";
import { decideStrayTrunks } from "./nodes/stray-trunks.ts";
import { decideTaint } from "./nodes/taint.ts";
import { decideTrunk } from "./nodes/trunk.ts";
import { decideTrunkAnnotation } from "./nodes/trunk-annotation.ts";
import { decideBranches } from "./pods/branches.ts";
import { decideLiveGroups } from "./pods/live-groups.ts";
import { decideReleases } from "./pods/releases.ts";
import { decideWarm } from "./warm/warm.ts";
import type { View } from "./view.ts";

/** A part of the decision. Each looks at the whole view, and none at what another decides. */
export type Decider = (view: View, now: number) => Decision;

/** Waiting pods first: what comes first is begun first. */
const DECIDERS: readonly Decider[] = [
  decideCniNode,
  decideTrunk,
  decideBranches,
  decideLiveGroups,
  decideCapacity,
  decideCniStatus,
  decideTrunkAnnotation,
  decideTaint,
  decideReleases,
  decideWarm,
  decideStrayTrunks,
];

/**
 * What there is to do for an instance now: pure, so that it can be played. Of several actions about the same subject only
 * the first is given, and none about a subject that is busy.
 */
export function decide(view: View, now: number): Decision {
  const actions: Action[] = [];
  const notes: Note[] = [];
  const subjects = new Set(view.busy);
  let wakeAt: number | undefined;
  for (const decider of DECIDERS) {
    const part = decider(view, now);
    notes.push(...part.notes);
    wakeAt = earlier(wakeAt, part.wakeAt);
    for (const action of part.actions) {
      const about = action.takes === undefined ? [action.subject] : [action.subject, action.takes];
      if (about.some((subject) => subjects.has(subject))) continue;
      for (const subject of about) subjects.add(subject);
      actions.push(action);
    }
  }
  return { actions, notes, wakeAt };
}
