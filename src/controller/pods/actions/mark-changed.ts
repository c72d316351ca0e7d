import type { Action } from "../../action.ts";
import type { PodFacts } from "../../facts.ts";
import { type Branch, changeBranch } from "../../ledger.ts";
import { refusalOf } from "../../failure.ts";
import { retryAfter } from "../../moment.ts";
import { CHANGED_TAG } from "../../tags.ts";
import { homeAfter } from "../../warm/home.ts";
import { retryOf, withChange } from "../group-change.ts";

/**
 * EC2 CreateTags, before a living pod's groups are changed: connections that the groups of before allowed are tracked from
 * then on, so no process may keep the branch for a pod that has other groups than these.
 */
export function markChanged(pod: PodFacts, { eni: { id } }: Branch): Action {
  const { groups } = pod.groups;
  return {
    kind: "MarkChanged",
    subject: `pod ${pod.uid}`,
    priority: "changing",
    pod,
    fields: { eni: id },
    begin: (ledger) => ledger,
    async run(ports, call) {
      await ports.ec2.tag(id, { [CHANGED_TAG]: "true" }, call);
      return (ledger) => {
        const marked = withChange(ledger, id, { retry: undefined, isMarked: true });
        return changeBranch(marked, id, (branch) => ({ ...branch, home: homeAfter(branch) }));
      };
    },
    failed: (ledger, failure, moment) => {
      const before = retryOf(ledger.changes.get(id), groups);
      const retry = retryAfter(before, { ...failure, message: refusalOf(failure) }, moment);
      return withChange(ledger, id, { groups, retry });
    },
  };
}
