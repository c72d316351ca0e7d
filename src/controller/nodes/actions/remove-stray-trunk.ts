import type { Action, Learn } from "../../action.ts";
import { withEntry, withRetry } from "../../ledger.ts";
import { retryAfter } from "../../moment.ts";
import { replaceTrunk } from "./trunk-act.ts";

/** EC2 DeleteNetworkInterface of a trunk that is on no instance, also at this moment. */
export function removeStrayTrunk(id: string): Action {
  const done: Learn = (ledger, { now }) => ({
    // The instance may have a Node again later.
    ...replaceTrunk(withRetry(ledger, `stray ${id}`, undefined), id, { state: "unknown" }),
    trunkAttempt: ledger.trunkAttempt + 1,
    strayTrunks: withEntry(ledger.strayTrunks, id, undefined),
    deleted: withEntry(ledger.deleted, id, now),
  });
  const spared: Learn = (ledger) => ({
    ...ledger,
    strayTrunks: withEntry(ledger.strayTrunks, id, undefined),
  });
  return {
    kind: "RemoveStrayTrunk",
    subject: `eni ${id}`,
    priority: "releasing",
    fields: { eni: id },
    begin: (ledger) => ledger,
    async run(ports, call) {
      const [eni] = await ports.ec2.interfaces({ "network-interface-id": [id] }, call);
      if (eni?.attachment !== undefined) return spared;
      await ports.ec2.deleteInterface(id, call);
      return done;
    },
    failed(ledger, failure, moment) {
      if (failure.kind === "gone") return done(ledger, moment);
      const retry = retryAfter(ledger.retries.get(`stray ${id}`), failure, moment);
      return withRetry(ledger, `stray ${id}`, retry);
    },
  };
}
