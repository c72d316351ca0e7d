import type { Finder } from "../situation.ts";
import { LIMIT } from "./words.ts";

/** A pod that asks for a branch, and whose groups nobody says, or that may be selected by a policy that cannot be read. */
export const unselected: Finder = ({ facts: { pod }, selected }) => {
  if (!selected.known || pod.usesHostNetwork || pod.branch !== undefined) return [];
  const doubtful = selected.value.findings.find(({ selection }) => selection === "maybe");
  if (doubtful !== undefined) {
    const { namespace, name } = doubtful.policy.policy;
    return [
      {
        code: "policy-unreadable",
        line: `SecurityGroupPolicy ${namespace}/${name} may select it, and cannot be evaluated: ${doubtful.why}`,
        todo: `correct the policy: kubectl edit securitygrouppolicy -n ${namespace} ${name}`,
      },
    ];
  }
  if (!pod.asksForBranch || selected.value.groups.length > 0) return [];
  return [
    {
      code: "no-policy",
      line: `it asks for a branch, and no SecurityGroupPolicy of namespace ${pod.namespace} selects it`,
      todo: `create a policy that selects it, or take the limit ${LIMIT} out of the pod`,
    },
  ];
};
