import { isFinished } from "../../facts/pods.ts";
import type { Finder, Problem, Situation } from "../situation.ts";
import { branch } from "./branch.ts";
import { describedGroups } from "./groups.ts";
import { networkPolicy } from "./network-policy.ts";
import { otherGroups } from "./other-groups.ts";
import { outside } from "./outside.ts";
import { refused } from "./refused.ts";
import { unrequested } from "./unrequested.ts";
import { unselected } from "./unselected.ts";
import { waiting } from "./waiting.ts";

/** What comes first explains what comes after it. */
const FINDERS: readonly Finder[] = [
  outside,
  unrequested,
  unselected,
  describedGroups,
  waiting,
  branch,
  networkPolicy,
  otherGroups,
];

/** What is wrong with a pod, the most likely cause first. None of a pod that has ended: it gave back what it had. */
export function problemsOf(situation: Situation): readonly Problem[] {
  const { pod } = situation.facts;
  if (isFinished(pod) || pod.isBeingDeleted) return [];
  const all = FINDERS.flatMap((find) => find(situation));
  const different = all.filter(({ line }, i) => all.findIndex((one) => one.line === line) === i);
  // That it waits is no news where something says why.
  const reasons = different.filter(({ code }) => code !== "waiting");
  const found = reasons.length > 0 ? reasons : different;
  // The agent's own words, where nothing here has found as much.
  return found.length > 0 ? found : refused(situation);
}
