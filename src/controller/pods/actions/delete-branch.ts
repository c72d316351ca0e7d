import type { Action, Learn } from "../../action.ts";
import { type Branch, changeBranch, withEntry } from "../../ledger.ts";
import { retryAfter } from "../../moment.ts";
import { YOUNG_MS } from "../../young.ts";

/** EC2 DeleteNetworkInterface; of a branch whose association nobody knows, too: EC2 removes it with the ENI. */
export function deleteBranch(branch: Branch): Action {
  const { id } = branch.eni;
  const done: Learn = (ledger, { now }) => ({
    ...ledger,
    branches: withEntry(ledger.branches, id, undefined),
    deleted: withEntry(ledger.deleted, id, now),
  });
  return {
    kind: "DeleteBranch",
    subject: `eni ${id}`,
    priority: "releasing",
    fields: { eni: id },
    begin: (ledger) => changeBranch(ledger, id, (known) => ({ ...known, state: "releasing" })),
    async run(ports, call) {
      await ports.ec2.deleteInterface(id, call);
      return done;
    },
    failed(ledger, failure, moment) {
      // EC2 may not know it yet (developer guide, "Eventual consistency").
      const isYoung = moment.now - branch.knownAt < YOUNG_MS;
      if (failure.kind === "gone" && !isYoung) return done(ledger, moment);
      return changeBranch(ledger, id, (known) => ({
        ...known,
        retry: retryAfter(known.retry, failure, moment),
      }));
    },
  };
}
