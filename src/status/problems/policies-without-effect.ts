import { matchPolicy } from "../../policy/groups-of-pod.ts";
import { policyName, type SecurityGroupPolicy } from "../../policy/security-group-policy.ts";
import { type FindProblems, policyProblem } from "./view.ts";

/** Policies that cannot select anything, or of which nobody can say what they select. */
export const policiesWithoutEffect: FindProblems = ({ facts: { policies, accounts }, pods }) => {
  if (!policies.known) return [];
  const unclear = new Map<string, string>();
  for (const { undecided, fact } of pods) {
    // Without its ServiceAccount's labels nobody can say either, and that is no fault of the policy.
    if (!accounts.known || !accounts.value.has(`${fact.namespace}/${fact.serviceAccount}`)) continue;
    for (const { policy, why } of undecided) unclear.set(policy, why);
  }
  return policies.value.flatMap(({ policy }) => {
    const message = whyUseless(policy) ?? unclear.get(policyName(policy));
    return message === undefined
      ? []
      : [policyProblem(policy, { severity: "problem", kind: "PolicyWithoutEffect", message })];
  });
};

/** As the policy itself says, whatever the pods are. */
function whyUseless(policy: SecurityGroupPolicy): string | undefined {
  const { groups, podSelector, serviceAccountSelector, namespace } = policy;
  const isEmpty = groups.length === 0 || (podSelector === undefined && serviceAccountSelector === undefined);
  if (!isEmpty) return undefined;
  const match = matchPolicy(policy, { namespace, labels: {}, serviceAccount: "" }, {});
  return match.matches === true ? undefined : match.why;
}
