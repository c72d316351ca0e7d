import type { Action } from "../../action.ts";
import { type AttachedTrunk, type Branch, changeBranch } from "../../ledger.ts";
import { associationFailed, associationToken } from "../../pods/actions/associate.ts";
import type { View } from "../../view.ts";

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
        changeBranch(ledger, id, (known) => ({
          ...known,
          state: known.state === "warming" ? "warm" : known.state,
          association: association.id,
          since: now,
          retry: undefined,
        }));
    },
    failed: (ledger, failure, moment) => associationFailed(ledger, id, failure, moment),
  };
}
