import type { Action } from "../../action.ts";
import { act } from "./act.ts";

const SHOWN_MS = 2_000;

/** Of a Node or an instance that had the name before. */
export function deleteCniNode(name: string, uid: string): Action {
  return act(
    { kind: "DeleteCniNode", name: "cni-node", fields: { node: name } },
    (ports, call) => ports.nodes.deleteCniNode({ name, uid }, call.signal),
    SHOWN_MS,
  );
}
