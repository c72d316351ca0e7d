import type { Action } from "../../action.ts";
import type { Ledger, Trunk } from "../../ledger.ts";
import type { View } from "../../view.ts";
import { lookAgain, replaceTrunk, trunkAct } from "./trunk-act.ts";
import { YOUNG_MS } from "../../young.ts";

type Created = Extract<Trunk, { state: "created" }>;

/** EC2 shows an attachment after a second or two. */
const SHOWN_MS = 2_000;

/**
 * EC2 AttachNetworkInterface. It has no token: after an unknown end it is called again, and when EC2 refuses that because the
 * first has been done, undoing finds the trunk attached.
 */
export function attachTrunk({ ledger: { instance } }: View, trunk: Created, deviceIndex: number): Action {
  const { id } = trunk;
  const asked: Trunk = { ...trunk, deviceIndex };
  return trunkAct(
    { kind: "AttachTrunk", fields: { eni: id, instance, deviceIndex } },
    async (ports, call) => {
      await ports.ec2.attach(id, instance, deviceIndex, call);
      return (ledger, { now }) =>
        lookAgain(replaceTrunk(ledger, id, { ...asked, since: now }), now + SHOWN_MS);
    },
    (ledger, failure, { now }) => {
      const isYoung = now - trunk.since < YOUNG_MS;
      switch (failure.kind) {
        case "unknown":
        case "throttled":
        case "denied":
          return ledger;
        case "gone":
          if (isYoung) return ledger;
          return undone(ledger, id, failure.message, now);
        case "conflict":
        case "invalid":
        case "spent":
        case "wait":
          return undone(ledger, id, failure.message, now);
      }
    },
  );
}

function undone(ledger: Ledger, id: string, why: string, now: number): Ledger {
  return replaceTrunk(ledger, id, { state: "undoing", id, since: now, why, hasFailed: true });
}
