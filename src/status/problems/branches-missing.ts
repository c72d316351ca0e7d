import { type FindProblems, podProblem } from "./view.ts";

/** Branches that pods name and EC2 does not have. */
export const branchesMissing: FindProblems = ({ pods, facts: { interfaces } }) =>
  pods.flatMap((pod) => {
    const { branch, state } = pod.status;
    if (!interfaces.known || branch === undefined || state === "ending") return [];
    if (interfaces.value.has(branch.eni)) return [];
    const message = `EC2 does not show its branch ${branch.eni}`;
    return [podProblem(pod, { severity: "problem", kind: "BranchMissing", message })];
  });
