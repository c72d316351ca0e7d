import type { Action } from "../../action.ts";
import type { PodFacts } from "../../facts.ts";
import { type Branch, changeBranch } from "../../ledger.ts";
import { refusalOf } from "../../failure.ts";
import { retryAfter } from "../../moment.ts";
import { homeAfter } from "../../warm/home.ts";
import { retryOf, withChange } from "../group-change.ts";

/** EC2 ModifyNetworkInterfaceAttribute: the groups that a living pod's policies say, in place of those that its branch has. */
export function changeGroups(pod: PodFacts, { eni }: Branch): Action {
  const { id } = eni;
  const { groups } = pod.groups;
  return {
    kind: "ChangeGroups",
    subject: `pod ${pod.uid}`,
    priority: "changing",
    pod,
    fields: { eni: id, groups: groups.join(" "), before: eni.groups.join(" ") },
    begin: (ledger) => {
      const retry = retryOf(ledger.changes.get(id), groups);
      const begun = withChange(ledger, id, { groups, isUnderWay: true, retry });
      return changeBranch(begun, id, (branch) => ({ ...branch, home: homeAfter(branch) }));
    },
    async run(ports, call) {
      await ports.ec2.setGroups(id, groups, call);
      return (ledger, { now }) =>
        changeBranch(
          withChange(ledger, id, {
            groups,
            isUnderWay: false,
            mayBeDone: false,
            doneAt: now,
            retry: undefined,
          }),
          id,
          (branch) => ({ ...branch, eni: { ...branch.eni, groups }, areGroupsSure: true }),
        );
    },
    told: {
      about: pod,
      type: "Normal",
      reason: "GroupsChanged",
      message: wordsOf(id, eni.groups, groups),
    },
    failed: (before, failure, moment) => {
      // The pod may end before it is tried again, and no other may be given the branch for one of these groups.
      const ledger = failure.kind === "unknown" ? changeBranch(before, id, withoutKnownGroups) : before;
      const change = ledger.changes.get(id);
      if (change === undefined) return ledger;
      return withChange(ledger, id, {
        isUnderWay: false,
        // Without an answer it is not known which it has. A refusal says nothing of an earlier try.
        mayBeDone: change.mayBeDone || failure.kind === "unknown",
        retry: retryAfter(change.retry, { ...failure, message: refusalOf(failure) }, moment),
      });
    },
  };
}

function withoutKnownGroups(branch: Branch): Branch {
  return { ...branch, areGroupsSure: false };
}

function wordsOf(id: string, before: readonly string[], groups: readonly string[]): string {
  const taken = before.filter((group) => !groups.includes(group));
  const now = `its branch ${id} has the groups ${groups.join(", ")} now`;
  if (taken.length === 0) return now;
  return `${now}; ${taken.join(", ")} ${taken.length === 1 ? "was" : "were"} taken away: established connections stay as long as EC2 tracks them`;
}
