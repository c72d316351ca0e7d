import type { Finder } from "../situation.ts";
import { listed } from "./words.ts";

/** Pods that never have a branch, although a policy selects them. */
export const outside: Finder = ({ facts: { pod }, selected }) => {
  if (!selected.known) return [];
  const { groups, findings } = selected.value;
  const policies = findings
    .filter(({ selection }) => selection === "selects" || selection === "late")
    .map(({ policy }) => policy.policy.name);
  if (policies.length === 0) return [];
  if (pod.usesHostNetwork)
    return [
      {
        code: "node-network",
        line: `it is on the node's network (hostNetwork), so it has the groups of its node, although SecurityGroupPolicy ${listed(policies)} selects it`,
        todo: "take hostNetwork out of the pod, or the pod out of the policy",
      },
    ];
  if (pod.fargate === undefined) return [];
  const has = pod.fargate.groups;
  const missing = groups.filter((group) => !has.includes(group));
  if (missing.length === 0) return [];
  return [
    {
      code: "fargate-groups",
      line: `it runs on Fargate with ${has.length === 0 ? "the groups of the cluster" : listed(has)}, and lacks ${listed(missing)} of SecurityGroupPolicy ${listed(policies)}`,
      todo: "AWS gives pods on Fargate the groups of their policies when they start: restart the pod",
    },
  ];
};
