import type { Problem } from "../status.ts";
import { agentsNotReady } from "./agents-not-ready.ts";
import { branchesMissing } from "./branches-missing.ts";
import { groupsMissing } from "./groups-missing.ts";
import { nodesFull } from "./nodes-full.ts";
import { nodesWithoutTrunk } from "./nodes-without-trunk.ts";
import { podsWaiting } from "./pods-waiting.ts";
import { podsWithOtherGroups } from "./pods-with-other-groups.ts";
import { podsWithoutBranch } from "./pods-without-branch.ts";
import { policiesCoveringNothing } from "./policies-covering-nothing.ts";
import { policiesRefused } from "./policies-refused.ts";
import { policiesWithoutEffect } from "./policies-without-effect.ts";
import type { FindProblems, View } from "./view.ts";

/** What is unsafe comes before what does not work, and that before what may be meant. */
const ALL: readonly FindProblems[] = [
  podsWithoutBranch,
  podsWithOtherGroups,
  branchesMissing,
  podsWaiting,
  nodesWithoutTrunk,
  agentsNotReady,
  policiesWithoutEffect,
  groupsMissing,
  policiesRefused,
  nodesFull,
  policiesCoveringNothing,
];

export function problemsOf(view: View): readonly Problem[] {
  return ALL.flatMap((find) => find(view));
}
