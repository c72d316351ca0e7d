import type { Decision } from "../action.ts";
import { Draft } from "../draft.ts";
import type { View } from "../view.ts";
import { createCniNode } from "./actions/create-cni-node.ts";
import { deleteCniNode } from "./actions/delete-cni-node.ts";

/** A CNINode for each Linux node. One of another Node or instance of the same name is not taken over. */
export function decideCniNode({ settings, node, cniNode, ledger, isComplete }: View, now: number): Decision {
  const draft = new Draft();
  if (settings.mode !== "standalone" || node === undefined || !node.isLinux || !isComplete) return draft;
  if (!draft.isDue(ledger.retries.get("cni-node"), now)) return draft;
  if (cniNode === undefined) {
    draft.actions.push(createCniNode(node, ledger.instance));
    return draft;
  }
  const isOfAnother =
    (cniNode.ownerUid !== undefined && cniNode.ownerUid !== node.uid) ||
    (cniNode.instance !== undefined && cniNode.instance !== ledger.instance);
  if (isOfAnother && !cniNode.isBeingDeleted) draft.actions.push(deleteCniNode(node.name, cniNode.uid));
  return draft;
}
