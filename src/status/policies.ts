import { valueOr } from "../facts/fact.ts";
import { policyName } from "../policy/security-group-policy.ts";
import type { ClusterFacts } from "./facts.ts";
import { byNamespaceAndName } from "./order.ts";
import type { SeenPod } from "./pods.ts";
import type { PolicyCounts, PolicyStatus } from "./status.ts";

/** Policies, with what has become of the pods that they select. Pure. */
export function policiesOf(facts: ClusterFacts, pods: readonly SeenPod[]): readonly PolicyStatus[] {
  const byPolicy = new Map<string, SeenPod[]>();
  for (const pod of pods) {
    for (const name of pod.status.policies) {
      const key = `${pod.status.namespace}/${name}`;
      const matched = byPolicy.get(key) ?? [];
      matched.push(pod);
      byPolicy.set(key, matched);
    }
  }
  return valueOr(facts.policies, [])
    .map(({ policy }) => ({
      namespace: policy.namespace,
      name: policy.name,
      groups: policy.groups,
      counts: facts.pods.known ? countsOf(policy.groups, byPolicy.get(policyName(policy)) ?? []) : undefined,
    }))
    .toSorted(byNamespaceAndName);
}

function countsOf(groups: readonly string[], all: readonly SeenPod[]): PolicyCounts {
  const living = all.filter(({ status }) => status.state !== "ending");
  const uncovered = living.filter(({ status }) => status.state === "uncovered");
  const waiting = living.filter(({ status }) => status.state === "waiting");
  const withBranch = living.filter(({ status: { state } }) => state === "attached" || state === "starting");
  const isKnown = withBranch.every(({ status }) => status.groups !== undefined);
  const applied = withBranch.filter(({ status: { groups: has, wantedGroups } }) => {
    const isTakenAway = has?.some((one) => wantedGroups?.includes(one) === false) === true;
    return groups.every((one) => has?.includes(one)) && !isTakenAway;
  });
  return {
    matched: living.length,
    applied: isKnown ? applied.length : undefined,
    pending: isKnown ? waiting.length + withBranch.length - applied.length : undefined,
    uncovered: uncovered.length,
  };
}
