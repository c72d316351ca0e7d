import type { Action } from "../../action.ts";
import type { NodeFacts } from "../../facts.ts";
import { act } from "./act.ts";

/** The cache shows it a moment later; it is written again then only if it is still another. */
const SHOWN_MS = 500;

/** Of the Node's status: capacity, and allocatable too where no kubelet copies it. */
export function setCapacity({ name, uid }: NodeFacts, capacity: number, alsoAllocatable: boolean): Action {
  const action = act(
    { kind: "SetCapacity", name: "capacity", fields: { node: name, capacity } },
    (ports, call) => ports.nodes.setCapacity({ name, uid }, capacity, alsoAllocatable, call.signal),
    SHOWN_MS,
  );
  return {
    ...action,
    async run(ports, call) {
      const learn = await action.run(ports, call);
      return (ledger, moment) => ({ ...learn(ledger, moment), capacityAt: moment.now });
    },
  };
}
