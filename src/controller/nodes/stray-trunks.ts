import type { Decision } from "../action.ts";
import { Draft } from "../draft.ts";
import { SIGHTINGS } from "../pods/releases.ts";
import type { View } from "../view.ts";
import { removeStrayTrunk } from "./actions/remove-stray-trunk.ts";

/** Trunks that nobody uses go once the node has one: until then one of them may become it. */
export function decideStrayTrunks({ settings, ledger }: View, now: number): Decision {
  const draft = new Draft();
  if (settings.mode !== "standalone" || ledger.trunk.state !== "attached") return draft;
  for (const [id, seen] of ledger.strayTrunks) {
    const isDue = draft.isDue(ledger.retries.get(`stray ${id}`), now);
    if (isDue && seen >= SIGHTINGS) draft.actions.push(removeStrayTrunk(id));
  }
  return draft;
}
