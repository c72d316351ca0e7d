import type { Decision } from "../action.ts";
import { Draft } from "../draft.ts";
import type { View } from "../view.ts";
import { removeTaint } from "./actions/remove-taint.ts";

/** branchline.dev/agent-not-ready goes once the node's agent is Ready. The agent may not patch Nodes itself. */
export function decideTaint({ node, ledger }: View, now: number): Decision {
  const draft = new Draft();
  if (node?.isTainted !== true || !node.isAgentReady) return draft;
  if (draft.isDue(ledger.retries.get("taint"), now)) draft.actions.push(removeTaint(node));
  return draft;
}
