import type { Action, Learn } from "../../action.ts";
import { type Branch, changeBranch } from "../../ledger.ts";
import { retryAfter } from "../../moment.ts";
import { tokenOf } from "../../tags.ts";
import { YOUNG_MS } from "../../young.ts";

/** EC2 DisassociateTrunkInterface. With it the VLAN id is free. */
export function disassociate(branch: Branch, association: string): Action {
  const { id } = branch.eni;
  const done: Learn = (ledger, { now }) =>
    changeBranch(ledger, id, (known) => ({
      ...known,
      state: "releasing",
      association: undefined,
      vlan: undefined,
      since: now,
      retry: undefined,
    }));
  return {
    kind: "DisassociateBranch",
    subject: `eni ${id}`,
    priority: "releasing",
    fields: { eni: id, vlan: branch.vlan },
    begin: (ledger) => changeBranch(ledger, id, (known) => ({ ...known, state: "releasing" })),
    async run(ports, call) {
      await ports.ec2.disassociate(association, tokenOf("disassociation", association), call);
      return done;
    },
    failed(ledger, failure, moment) {
      // It has been removed before, or its token has: by us, and the answer was lost. EC2 may not know a young one yet.
      const isYoung = moment.now - branch.since < YOUNG_MS;
      if ((failure.kind === "gone" && !isYoung) || failure.kind === "spent") return done(ledger, moment);
      return changeBranch(ledger, id, (known) => ({
        ...known,
        retry: retryAfter(known.retry, failure, moment),
      }));
    },
  };
}
