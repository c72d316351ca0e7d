import type { Condition } from "../../facts/cni-nodes.ts";
import type { ProblemKind } from "../status.ts";
import { type FindProblems, policyProblem } from "./view.ts";

/** What only the controller knows: it has the cluster's VPC, and counts a pod's groups over all of its policies. */
const TOLD = new Set<string>(["GroupOfOtherVpc", "TooManyGroups"] satisfies ProblemKind[]);

const isTold = (one: Condition): one is Condition & { readonly reason: ProblemKind } =>
  one.status === "False" && TOLD.has(one.reason);

/** Policies whose groups EC2 does not take, as their status says: their pods do not start. */
export const policiesRefused: FindProblems = ({ facts: { policies } }) => {
  if (!policies.known) return [];
  return policies.value.flatMap(({ policy, conditions }) => {
    const told = conditions.find(isTold);
    if (told === undefined) return [];
    return [policyProblem(policy, { severity: "problem", kind: told.reason, message: told.message })];
  });
};
