import type { Action } from "../../action.ts";
import type { PodFacts } from "../../facts.ts";
import { type Branch, changeBranch } from "../../ledger.ts";
import { homeAfter } from "../../warm/home.ts";
import { retryAfter } from "../../moment.ts";
import { YOUNG_MS } from "../../young.ts";
import { givenUp } from "./associate.ts";

/** EC2 ModifyNetworkInterfaceAttribute: the groups that the pod's policies say by now, before it has the annotation. */
export function setGroups(pod: PodFacts, { eni: { id } }: Branch): Action {
  const { groups } = pod.groups;
  return {
    kind: "SetGroups",
    subject: `pod ${pod.uid}`,
    priority: "waiting",
    pod,
    fields: { eni: id, groups: groups.join(" ") },
    // Without an answer it is not known which it has.
    begin: (ledger) =>
      changeBranch(ledger, id, (branch) => ({ ...branch, areGroupsSure: false, home: homeAfter(branch) })),
    async run(ports, call) {
      await ports.ec2.setGroups(id, groups, call);
      return (ledger) =>
        changeBranch(ledger, id, (branch) => ({
          ...branch,
          eni: { ...branch.eni, groups },
          areGroupsSure: true,
          retry: undefined,
        }));
    },
    failed: (ledger, failure, moment) => {
      const known = ledger.branches.get(id);
      if (known === undefined) return ledger;
      // Somebody has deleted it. EC2 may not know a young one yet.
      const isGone = failure.kind === "gone" && moment.now - known.knownAt >= YOUNG_MS;
      if (isGone) return givenUp(ledger, known, failure, moment);
      return changeBranch(ledger, id, (branch) => ({
        ...branch,
        retry: retryAfter(branch.retry, failure, moment),
      }));
    },
  };
}
