import type { Action } from "../../action.ts";
import type { PodFacts } from "../../facts.ts";
import { type Branch, changeBranch } from "../../ledger.ts";
import { ended } from "../../pods/ended.ts";
import type { View } from "../../view.ts";

/**
 * A branch that was warm, whose pod wants other groups by now and has not got it: it is warm again. Giving it the groups
 * would let connections that EC2 still tracks reach a pod of other groups. If its annotation was sent without success, that
 * may be on its way still, and no other pod gets it before it has cooled. No call to EC2.
 */
export function giveBack(
  { settings: { cooldownMs } }: View,
  pod: PodFacts,
  { eni: { id }, vlan, retry }: Branch,
  now: number,
): Action {
  const given = (known: Branch): Branch =>
    retry === undefined ? { ...known, state: "warm" } : ended(known, now, cooldownMs);
  return {
    kind: "GiveBackWarm",
    subject: `pod ${pod.uid}`,
    priority: "waiting",
    pod,
    fields: { eni: id, vlan },
    begin: (ledger) => changeBranch(ledger, id, (known) => ({ ...given(known), pod: undefined })),
    run: async () => (ledger) => ledger,
    failed: (ledger) => ledger,
  };
}
