import type { Action } from "../../action.ts";
import type { PodFacts } from "../../facts.ts";
import { type Branch, changeBranch } from "../../ledger.ts";
import { annotate } from "../../pods/actions/annotate.ts";

/** Writes a warm branch into a pod that wants just its groups: no call to EC2, and no proof, as nothing is made. */
export function claimWarm(pod: PodFacts, branch: Branch): Action {
  const writing = annotate(pod, branch);
  return {
    ...writing,
    kind: "ClaimWarm",
    takes: `eni ${branch.eni.id}`,
    begin: (ledger) => writing.begin(changeBranch(ledger, branch.eni.id, (known) => ownedBy(known, pod))),
  };
}

/** On its way to the pod, as one that was made for it. */
export function ownedBy(branch: Branch, { namespace, name, uid }: PodFacts): Branch {
  return {
    ...branch,
    state: "associated",
    pod: { namespace, name, uid },
    until: undefined,
    retry: undefined,
  };
}
