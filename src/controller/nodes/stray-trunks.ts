import type { Decision } from "../action.ts";
import { Draft } from "../draft.ts";
import { SIGHTINGS } from "../pods/certain.ts";
import type { View } from "../view.ts";
import { removeStrayTrunk } from "./actions/remove-stray-trunk.ts";

/** Trunks that nobody uses go once the node has one, as until then one of them may become it; or once there is no node. */
export function decideStrayTrunks(view: View, now: number): Decision {
  const draft = new Draft();
  const { settings, ledger } = view;
  if (settings.mode !== "standalone") return draft;
  for (const [id, seen] of ledger.strayTrunks) {
    const isDue = draft.isDue(ledger.retries.get(`stray ${id}`), now);
    if (isDue && seen >= SIGHTINGS && isNobodys(view, id)) draft.actions.push(removeStrayTrunk(id));
  }
  return draft;
}

function isNobodys({ node, isComplete, ledger: { trunk } }: View, id: string): boolean {
  // An incomplete cache has too few nodes.
  if (node === undefined) return isComplete;
  return trunk.state === "attached" && trunk.id !== id;
}
