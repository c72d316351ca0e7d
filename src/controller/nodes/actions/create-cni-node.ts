import type { Action } from "../../action.ts";
import type { NodeFacts } from "../../facts.ts";
import { act } from "./act.ts";

/** The cache shows what was made a moment later. */
const SHOWN_MS = 2_000;

/** Owned by its Node, so that it goes with it. */
export function createCniNode({ name, uid }: NodeFacts, instance: string): Action {
  return act(
    { kind: "CreateCniNode", name: "cni-node", fields: { node: name, instance } },
    (ports, call) => ports.nodes.createCniNode({ name, uid, instance }, call.signal),
    SHOWN_MS,
  );
}
