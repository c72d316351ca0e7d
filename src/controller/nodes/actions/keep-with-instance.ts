import type { Action } from "../../action.ts";
import type { AttachedTrunk } from "../../ledger.ts";
import { replaceTrunk, trunkAct } from "./trunk-act.ts";

/** EC2 ModifyNetworkInterfaceAttribute: the trunk is deleted with its instance, or it would stay for ever. */
export function keepWithInstance(trunk: AttachedTrunk): Action {
  const { id, attachment } = trunk;
  return trunkAct({ kind: "KeepWithInstance", fields: { eni: id } }, async (ports, call) => {
    await ports.ec2.deleteOnTermination(id, attachment, call);
    return (ledger) => replaceTrunk(ledger, id, { ...trunk, goesWithInstance: true });
  });
}
