import type { Action } from "../../action.ts";
import type { Ledger, Trunk } from "../../ledger.ts";
import type { View } from "../../view.ts";
import { attachedAs } from "./look-for-attachment.ts";
import { lookAgain, replaceTrunk, trunkAct } from "./trunk-act.ts";

type Undoing = Extract<Trunk, { state: "undoing" }>;

const AGAIN_MS = 5_000;
/** A trunk that could not be had is tried again after so long. */
const PAUSE_MS = 30_000;

/**
 * Takes back a trunk that is on no instance. It is never detached: one that is attached after all is the trunk, and pods
 * may be on it already.
 */
export function removeTrunk({ ledger: { instance } }: View, { id, hasFailed }: Undoing): Action {
  const removed = (ledger: Ledger, now: number) =>
    lookAgain(
      { ...replaceTrunk(ledger, id, { state: "unknown" }), trunkAttempt: ledger.trunkAttempt + 1 },
      now + (hasFailed ? PAUSE_MS : 0),
    );
  return trunkAct(
    { kind: "RemoveTrunk", fields: { eni: id } },
    async (ports, call) => {
      const [eni] = await ports.ec2.interfaces({ "network-interface-id": [id] }, call);
      const attached = eni && attachedAs(eni, instance);
      if (attached !== undefined) return (ledger) => replaceTrunk(ledger, id, attached);
      // It becomes attached, or available: EC2 refuses to delete it meanwhile.
      if (eni?.attachment !== undefined) return (ledger, { now }) => lookAgain(ledger, now + AGAIN_MS);
      await ports.ec2.deleteInterface(id, call);
      return (ledger, { now }) => removed(ledger, now);
    },
    (ledger, { kind }, { now }) => (kind === "gone" ? removed(ledger, now) : ledger),
  );
}
