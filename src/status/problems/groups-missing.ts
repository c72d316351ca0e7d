import { type FindProblems, policyProblem } from "./view.ts";

/** Policies that name groups which EC2 does not have: their pods do not start. */
export const groupsMissing: FindProblems = ({ policies, facts: { groupNames } }) => {
  if (!groupNames.known) return [];
  return policies.flatMap((policy) => {
    const missing = policy.groups.filter((id) => !groupNames.value.has(id));
    if (missing.length === 0) return [];
    const message = `EC2 has no security group ${missing.join(", ")}`;
    return [policyProblem(policy, { severity: "problem", kind: "GroupMissing", message })];
  });
};
