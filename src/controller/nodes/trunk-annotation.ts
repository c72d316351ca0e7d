import type { Decision } from "../action.ts";
import { Draft } from "../draft.ts";
import type { View } from "../view.ts";
import { annotateTrunk } from "./actions/annotate-trunk.ts";

/** On EKS, whose CNINode has no status, the Node's annotation branchline.dev/trunk tells the agent of the trunk. */
export function decideTrunkAnnotation({ settings, node, ledger }: View, now: number): Decision {
  const draft = new Draft();
  const { trunk } = ledger;
  if (settings.mode !== "eks" || node === undefined || trunk.state !== "attached") return draft;
  const text = trunk.id;
  if (node.trunkAnnotation === text || !draft.isDue(ledger.retries.get("trunk-annotation"), now))
    return draft;
  draft.actions.push(annotateTrunk(node, text));
  return draft;
}
