import type { Cache } from "../kubernetes/cache.ts";
import type { NetworkPolicy, Pod } from "../kubernetes/objects.ts";
import { matchLabels } from "../policy/label-selector.ts";
import type { NetworkPolicies } from "./answer/decide.ts";
import { isFinished } from "./answer/pod-names.ts";

/** `auto`: a pod of this node enforces them on the veths. `enforced`, `ignore`: a person says so. */
export type NetworkPolicyMode = "auto" | "enforced" | "ignore";

/** Which NetworkPolicy of a pod would not see its packets with the direct datapath. */
export function networkPoliciesOf(
  pod: Pod,
  mode: NetworkPolicyMode,
  pods: Pick<Cache<Pod>, "values">,
  policies: Pick<Cache<NetworkPolicy>, "values" | "state">,
): NetworkPolicies {
  if (mode === "ignore") return { enforced: "none" };
  const here = enforcedHere(pods.values());
  if (mode === "auto" && here === undefined) return { enforced: "none" };
  if (!policies.state().isComplete) return { enforced: "unknown" };
  for (const { metadata, podSelector } of policies.values()) {
    if (metadata.namespace !== pod.metadata.namespace) continue;
    // A selector that cannot be evaluated may select it.
    if (matchLabels(podSelector, pod.metadata.labels, "spec.podSelector").matches !== false) {
      return { enforced: "some", policy: `${metadata.namespace}/${metadata.name}` };
    }
  }
  return here === "own" ? { enforced: "unseen" } : { enforced: "none" };
}

function enforcedHere(pods: Iterable<Pod>): Pod["enforces"] {
  let here: Pod["enforces"];
  for (const pod of pods) {
    if (pod.enforces !== undefined && !isFinished(pod) && here !== "own") here = pod.enforces;
  }
  return here;
}
