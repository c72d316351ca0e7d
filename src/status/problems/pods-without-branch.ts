import { type FindProblems, podProblem } from "./view.ts";

/** Pods that run with their node's groups. */
export const podsWithoutBranch: FindProblems = ({ pods }) =>
  pods
    .filter(({ status }) => status.state === "uncovered")
    .map((pod) =>
      podProblem(pod, {
        severity: "problem",
        kind: "PodWithoutBranch",
        message: `${pod.status.why ?? "it has no branch"}, so it has the groups of its node`,
      }),
    );
