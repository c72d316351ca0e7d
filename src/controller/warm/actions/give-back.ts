import type { Action } from "../../action.ts";
import type { PodFacts } from "../../facts.ts";
import { type Branch, changeBranch } from "../../ledger.ts";

/**
 * A branch that was warm, whose pod wants other groups by now and has not got it: it is warm again. Giving it the groups
 * would let connections that EC2 still tracks reach a pod of other groups. No call to EC2.
 */
export function giveBack(pod: PodFacts, { eni: { id }, vlan }: Branch): Action {
  return {
    kind: "GiveBackWarm",
    subject: `pod ${pod.uid}`,
    priority: "waiting",
    pod,
    fields: { eni: id, vlan },
    begin: (ledger) => changeBranch(ledger, id, (known) => ({ ...known, state: "warm", pod: undefined })),
    run: async () => (ledger) => ledger,
    failed: (ledger) => ledger,
  };
}
