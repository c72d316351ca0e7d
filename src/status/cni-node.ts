import type { CniNodeFact } from "../facts/cni-nodes.ts";

const FEATURE = "SecurityGroupsForPods";

/** By which a node asks for a trunk. */
export function asksForTrunk({ features }: Pick<CniNodeFact, "features">): boolean {
  return features.some(({ name }) => name === FEATURE);
}
