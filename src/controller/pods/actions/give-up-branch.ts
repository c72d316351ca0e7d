import type { Action } from "../../action.ts";
import type { PodFacts } from "../../facts.ts";
import type { Branch } from "../../ledger.ts";
import { givenUp } from "./associate.ts";

/**
 * A branch that was made for a VLAN id which another has, as EC2 has described meanwhile: of a controller before us. Its
 * tags name the id, so another is made. No call to EC2.
 */
export function giveUpBranch(pod: PodFacts, branch: Branch, other: Branch): Action {
  const { id } = branch.eni;
  const message = `VLAN id ${branch.vlan} of ${id} is taken by ${other.eni.id}`;
  return {
    kind: "GiveUpBranch",
    subject: `pod ${pod.uid}`,
    priority: "waiting",
    pod,
    fields: { eni: id, vlan: branch.vlan },
    begin: (ledger) => ledger,
    run: async () => (ledger, moment) => {
      const known = ledger.branches.get(id);
      return known === undefined
        ? ledger
        : givenUp(ledger, known, { kind: "spent", code: "VlanIdTaken", message }, moment);
    },
    failed: (ledger) => ledger,
  };
}
