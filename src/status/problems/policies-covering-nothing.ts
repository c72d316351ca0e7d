import { policyName } from "../../policy/security-group-policy.ts";
import { type FindProblems, policyProblem } from "./view.ts";

/** Policies that select no pod: their labels may be misspelt, or their pods are still to come. */
export const policiesCoveringNothing: FindProblems = ({ policies, pods, facts }) => {
  // Of pods whose ServiceAccounts could not be read nobody can tell.
  if (!facts.accounts.known) return [];
  const unclear = new Set(pods.flatMap(({ undecided }) => undecided.map(({ policy }) => policy)));
  return policies.flatMap((policy) => {
    const isCertain = policy.groups.length > 0 && !unclear.has(policyName(policy));
    if (policy.counts?.matched !== 0 || !isCertain) return [];
    const message = "it selects no pod";
    return [policyProblem(policy, { severity: "warning", kind: "PolicyCoversNothing", message })];
  });
};
