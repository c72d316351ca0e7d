import type { Action } from "../../action.ts";
import type { PodFacts } from "../../facts.ts";
import { type Branch, changeBranch } from "../../ledger.ts";
import { homeAfter } from "../../warm/home.ts";
import { retryAfter } from "../../moment.ts";

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
    failed: (ledger, failure, moment) =>
      changeBranch(ledger, id, (branch) => ({
        ...branch,
        retry: retryAfter(branch.retry, failure, moment),
      })),
  };
}
