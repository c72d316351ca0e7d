import type { InterfaceFact, PodFact } from "./facts.ts";
import { isAlive } from "./nodes.ts";

/** Pods that have the same groups. */
export interface GroupSet {
  readonly groups: readonly string[];
  readonly pods: readonly PodFact[];
}

/** The sets of groups that branches of living pods have in EC2. */
export function branchGroups(
  pods: readonly PodFact[],
  interfaces: readonly InterfaceFact[],
): readonly GroupSet[] {
  const byId = new Map(interfaces.map((eni) => [eni.id, eni]));
  const sets = new Map<string, { groups: readonly string[]; pods: PodFact[] }>();
  for (const pod of pods) {
    const eni = typeof pod.branch === "object" && isAlive(pod) ? byId.get(pod.branch.eni) : undefined;
    if (eni === undefined) continue;
    const groups = eni.groups.toSorted();
    const key = groups.join();
    const set = sets.get(key) ?? { groups, pods: [] };
    set.pods.push(pod);
    sets.set(key, set);
  }
  return [...sets.values()];
}
