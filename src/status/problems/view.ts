import type { ClusterFacts } from "../facts.ts";
import type { SeenNode } from "../nodes.ts";
import type { SeenPod } from "../pods.ts";
import type { PolicyStatus, Problem } from "../status.ts";

/** What problems are looked for in. */
export interface View {
  readonly facts: ClusterFacts;
  readonly nodes: readonly SeenNode[];
  readonly pods: readonly SeenPod[];
  readonly policies: readonly PolicyStatus[];
}

/** Pure. In the order of the view. */
export type FindProblems = (view: View) => readonly Problem[];

export function podProblem(
  { status: { namespace, name } }: SeenPod,
  problem: Omit<Problem, "object">,
): Problem {
  return { ...problem, object: { kind: "Pod", namespace, name } };
}

export function nodeProblem({ status: { name } }: SeenNode, problem: Omit<Problem, "object">): Problem {
  return { ...problem, object: { kind: "Node", namespace: "", name } };
}

export function policyProblem(
  { namespace, name }: Pick<PolicyStatus, "namespace" | "name">,
  problem: Omit<Problem, "object">,
): Problem {
  return { ...problem, object: { kind: "SecurityGroupPolicy", namespace, name } };
}
