import { newestOf } from "../events.ts";
import type { Finder, Problem } from "../situation.ts";
import { LIMIT, restart } from "./words.ts";

/** A pod that a policy selects, and that asks for no branch. */
export const unrequested: Finder = ({ facts, selected }) => {
  const { pod } = facts;
  if (!selected.known || pod.usesHostNetwork || pod.fargate !== undefined) return [];
  if (pod.asksForBranch || pod.branch !== undefined) return [];
  const { findings } = selected.value;
  const [inTime] = findings.filter(({ selection }) => selection === "selects");
  if (inTime === undefined) return late(facts.pod, findings);
  const { namespace, name } = inTime.policy.policy;
  const refused = newestOf(facts.events, ["branchline-agent"], ["BranchRefused"]);
  const isRefused = refused !== undefined && pod.phase === "Pending";
  const state = isRefused ? "its node's agent refuses it" : "it runs with the groups of its node";
  return [
    {
      code: "no-request",
      line: `it has no request for ${LIMIT}, although SecurityGroupPolicy ${namespace}/${name} selected it when it was made (${pod.createdAt}): the webhook that adds it did not answer, or left the pod out; ${pod.phase === "Pending" && !isRefused ? "it must not start so" : state}`,
      todo: `see whether the webhook answers now (branchline doctor --check BL007); then ${restart(pod, "asks for its branch")}`,
    },
  ];
};

function late(
  pod: Parameters<Finder>[0]["facts"]["pod"],
  findings: readonly {
    readonly selection: string;
    readonly policy: {
      readonly createdAt: string;
      readonly policy: { readonly namespace: string; readonly name: string };
    };
  }[],
): readonly Problem[] {
  const [first] = findings.filter(({ selection }) => selection === "late");
  if (first === undefined) return [];
  const { namespace, name } = first.policy.policy;
  return [
    {
      code: "late-policy",
      line: `SecurityGroupPolicy ${namespace}/${name} matched too late: it was made at ${first.policy.createdAt}, and the pod at ${pod.createdAt}; the pod has the groups of its node, and has to be restarted`,
      todo: restart(pod, "asks for its branch"),
    },
  ];
}
