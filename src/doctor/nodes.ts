import type { CniNodeFact, NodeFact, PodFact } from "./facts.ts";

/** Which nodes and pods the checks are about. */

/** An instance with Linux: others have neither trunk nor agent. */
export function isNodeOfOurs({ os, instance }: NodeFact): boolean {
  return os === "linux" && instance !== undefined;
}

/** Has not ended. */
export function isAlive({ phase }: PodFact): boolean {
  return phase !== "Succeeded" && phase !== "Failed";
}

const AGENT = { "app.kubernetes.io/name": "branchline", "app.kubernetes.io/component": "agent" };

/** By the chart's labels. */
export function isAgent({ labels }: Pick<PodFact, "labels">): boolean {
  return Object.entries(AGENT).every(([key, value]) => labels[key] === value);
}

export function isController({ labels }: Pick<PodFact, "labels">): boolean {
  return (
    labels["app.kubernetes.io/name"] === "branchline" &&
    labels["app.kubernetes.io/component"] === "controller"
  );
}

export const FEATURE = "SecurityGroupsForPods";

/** By which a node asks for a trunk. */
export function asksForTrunk({ features }: CniNodeFact): boolean {
  return features.includes(FEATURE);
}

export function podName({ namespace, name }: Pick<PodFact, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}
