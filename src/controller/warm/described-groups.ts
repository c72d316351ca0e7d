import type { DescribedBranch } from "../description.ts";
import type { Branch } from "../ledger.ts";
import { isSameSet } from "./group-sets.ts";

/** What was changed before may be shown as it was for some seconds (EC2's developer guide, "Eventual consistency"). */
const SETTLED_MS = 25_000;
const WITH_A_POD_OR_IDLE: readonly Branch["state"][] = ["assigned", "cooling", "warm"];

/**
 * The branch with what a description says of its groups. Shown once more as they were found some time ago they are sure.
 * When it shows others, somebody else has changed them: no other pod gets the branch.
 */
export function withDescribedGroups(branch: Branch, one: DescribedBranch, askedAt: number): Branch {
  if (branch.eni.subnet.id === "") {
    return {
      ...branch,
      eni: one.eni,
      home: one.home?.namespace === branch.pod?.namespace ? one.home : undefined,
    };
  }
  if (!isSameSet(branch.eni.groups, one.eni.groups)) {
    const isWarm = branch.state === "warm";
    return { ...branch, home: undefined, areGroupsSure: branch.areGroupsSure && !isWarm };
  }
  // A controller before us has changed them under a living pod, and its tag was not shown at first.
  if (branch.seen !== "own" && one.home === undefined && branch.home !== undefined)
    return { ...branch, home: undefined };
  // Of our own changes we know more; those under a living pod take the home.
  const isFound = branch.seen !== "own" && branch.home?.isOpen === false;
  // Its groups may have been asked to change until its pod was gone, without an answer.
  const isSettled = isFound && askedAt - Math.max(branch.knownAt, branch.since) >= SETTLED_MS;
  return isSettled && WITH_A_POD_OR_IDLE.includes(branch.state) ? { ...branch, areGroupsSure: true } : branch;
}
