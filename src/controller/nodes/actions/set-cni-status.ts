import type { Action } from "../../action.ts";
import { act } from "./act.ts";

/** A node whose pods come and go writes its status so often at most. */
const PAUSE_MS = 1_000;

export function setCniStatus(
  cniNode: { readonly name: string; readonly uid: string },
  status: string,
): Action {
  return act(
    { kind: "SetCniStatus", name: "cni-status", fields: { node: cniNode.name } },
    (ports, call) => ports.nodes.setCniStatus(cniNode, status, call.signal),
    PAUSE_MS,
  );
}
