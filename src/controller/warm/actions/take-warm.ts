import type { Action } from "../../action.ts";
import type { PodFacts } from "../../facts.ts";
import { type Branch, changeBranch } from "../../ledger.ts";
import { ownedBy } from "./claim-warm.ts";

/** Reserves a warm branch of other groups for a pod, which are given to it next. No call to EC2. */
export function takeWarm(pod: PodFacts, { eni: { id }, vlan }: Branch): Action {
  return {
    kind: "TakeWarm",
    subject: `pod ${pod.uid}`,
    takes: `eni ${id}`,
    priority: "waiting",
    pod,
    fields: { eni: id, vlan },
    begin: (ledger) => changeBranch(ledger, id, (known) => ownedBy(known, pod)),
    run: async () => (ledger) => ledger,
    failed: (ledger) => ledger,
  };
}
