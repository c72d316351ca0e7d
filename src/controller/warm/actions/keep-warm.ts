import type { Action } from "../../action.ts";
import { type Branch, changeBranch } from "../../ledger.ts";

/** A branch that has cooled stays on its trunk, for the next pod of its namespace and groups. No call to EC2. */
export function keepWarm({ eni: { id }, vlan, home }: Branch): Action {
  return {
    kind: "KeepWarm",
    subject: `eni ${id}`,
    priority: "warming",
    fields: { eni: id, vlan, namespace: home?.namespace },
    begin: (ledger) =>
      changeBranch(ledger, id, (known) => ({
        ...known,
        state: "warm",
        until: undefined,
        wasWarm: true,
        mayBeAnnotated: false,
        retry: undefined,
      })),
    run: async () => (ledger) => ledger,
    failed: (ledger) => ledger,
  };
}
