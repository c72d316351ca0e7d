import type { Action } from "../../action.ts";
import type { NodeFacts } from "../../facts.ts";
import { act } from "./act.ts";

const SHOWN_MS = 2_000;

export function annotateTrunk({ name, uid }: NodeFacts, text: string): Action {
  return act(
    { kind: "AnnotateTrunk", name: "trunk-annotation", fields: { node: name } },
    (ports, call) => ports.nodes.annotateTrunk({ name, uid }, text, call.signal),
    SHOWN_MS,
  );
}
