import type { Action } from "../../action.ts";
import type { NodeFacts } from "../../facts.ts";
import { act } from "./act.ts";

const SHOWN_MS = 2_000;

export function removeTaint({ name, uid }: NodeFacts): Action {
  return act(
    { kind: "RemoveTaint", name: "taint", fields: { node: name } },
    (ports, call) => ports.nodes.removeTaint({ name, uid }, call.signal),
    SHOWN_MS,
  );
}
