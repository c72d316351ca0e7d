import type { Action } from "../../action.ts";
import { type AttachedTrunk, type Branch, changeBranch, type Ledger, withRetry } from "../../ledger.ts";
import { type Failure, type Moment, retryAfter } from "../../moment.ts";
import { associationFailed, associationToken } from "../../pods/actions/associate.ts";
import type { View } from "../../view.ts";
import { WARMING } from "./create-warm.ts";

/** EC2 AssociateTrunkInterface of a branch that no pod waits for. */
export function associateWarm(view: View, branch: Branch, trunk: AttachedTrunk): Action {
  const { id } = branch.eni;
  const vlan = branch.vlan ?? 0;
  const token = associationToken(view, branch, trunk.id);
  return {
    kind: "AssociateWarm",
    subject: `eni ${id}`,
    priority: "warming",
    fields: { eni: id, vlan },
    begin: (ledger) => ledger,
    async run(ports, call) {
      const association = await ports.ec2.associate({ branch: id, trunk: trunk.id, vlan, token }, call);
      return (ledger, { now }) =>
        changeBranch(withRetry(ledger, WARMING, undefined), id, (known) => ({
          ...known,
          state: known.state === "warming" ? "warm" : known.state,
          association: association.id,
          since: now,
          retry: undefined,
        }));
    },
    failed: (ledger, failure, moment) => failed(ledger, id, failure, moment),
  };
}

/** One that is given up would be made anew at once, for another VLAN id, which may be refused as well. */
function failed(before: Ledger, id: string, failure: Failure, moment: Moment): Ledger {
  const ledger = associationFailed(before, id, failure, moment);
  if (ledger.branches.get(id)?.state === "warming") return ledger;
  return withRetry(ledger, WARMING, retryAfter(ledger.retries.get(WARMING), failure, moment));
}
