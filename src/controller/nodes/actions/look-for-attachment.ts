import type { Action } from "../../action.ts";
import type { NetworkInterface } from "../../../ec2/types.ts";
import type { AttachedTrunk, Trunk } from "../../ledger.ts";
import type { View } from "../../view.ts";
import { lookAgain, replaceTrunk, trunkAct } from "./trunk-act.ts";

type Created = Extract<Trunk, { state: "created" }>;

const AGAIN_MS = 2_000;
/** AWS's controller waits 63 s. */
const LONGEST_MS = 63_000;

/** EC2 DescribeNetworkInterfaces of the trunk, until it is attached to the instance. */
export function lookForAttachment(
  { ledger: { instance } }: View,
  trunk: Created,
  deviceIndex: number,
): Action {
  const { id, facts, since } = trunk;
  return trunkAct({ kind: "LookForAttachment", fields: { eni: id, instance } }, async (ports, call) => {
    const [eni] = await ports.ec2.interfaces({ "network-interface-id": [id] }, call);
    const attached = eni && attachedAs(eni, instance);
    return (ledger, { now }) => {
      if (attached !== undefined) return replaceTrunk(ledger, id, { ...attached, facts });
      if (now - since < LONGEST_MS) return lookAgain(ledger, now + AGAIN_MS);
      const why = `the trunk ${id} was not attached to ${instance} by device index ${deviceIndex} within ${LONGEST_MS / 1000} s`;
      return replaceTrunk(ledger, id, { state: "undoing", id, since: now, why, hasFailed: true });
    };
  });
}

/** The trunk as it is attached to the instance; undefined: it is not. */
export function attachedAs(eni: NetworkInterface, instance: string): AttachedTrunk | undefined {
  const { id, mac, subnet, attachment } = eni;
  if (attachment?.instance !== instance || attachment.status !== "attached") return undefined;
  return {
    state: "attached",
    facts: undefined,
    id,
    mac,
    subnet,
    deviceIndex: attachment.deviceIndex,
    attachment: attachment.id,
    goesWithInstance: attachment.deleteOnTermination,
  };
}
