import { groupsOfPod, matchPolicy } from "../../policy/groups-of-pod.ts";
import { policyName } from "../../policy/security-group-policy.ts";
import { counted, defineCheck, ok, problem, skipped } from "../check.ts";
import { isAlive } from "../nodes.ts";

export const policiesDecide = defineCheck({
  code: "BL027",
  title: "Every SecurityGroupPolicy can be evaluated",
  why: "If a policy's selector is not valid, nobody can say which pods it selects. Every pod that it may select is refused rather than run with the wrong groups.",
  todo: "Correct the policy at the place that is named. A policy without groups, or without a selector, selects nothing: delete it, or complete it.",
  place: "cluster",
  needs: ["policies", "pods"],
  uses: ["accounts"],
  judge({ policies, pods, accounts }) {
    if (policies.length === 0) return skipped("there is no SecurityGroupPolicy");
    const useless = policies.flatMap((policy) => {
      const nobody = { namespace: policy.namespace, labels: {}, serviceAccount: "" };
      const isEmpty =
        policy.groups.length === 0 ||
        (policy.podSelector === undefined && policy.serviceAccountSelector === undefined);
      const match = isEmpty ? matchPolicy(policy, nobody, {}) : undefined;
      return match?.matches === false ? [`SecurityGroupPolicy ${policyName(policy)}: ${match.why}`] : [];
    });
    const unclear = new Set<string>();
    for (const pod of pods) {
      if (!isAlive(pod) || pod.usesHostNetwork) continue;
      // Without its ServiceAccount's labels nobody can say, and that is no fault of the policy.
      const labels = accounts?.get(`${pod.namespace}/${pod.serviceAccount}`);
      if (labels === undefined) continue;
      for (const { policy, why } of groupsOfPod(policies, pod, labels).undecided)
        unclear.add(`SecurityGroupPolicy ${policy}: ${why}`);
    }
    const all = [...useless, ...unclear];
    if (all.length === 0) return ok(counted(policies.length, "SecurityGroupPolicy"));
    return problem(
      `${counted(all.length, "SecurityGroupPolicy")} without effect, or impossible to evaluate`,
      all,
    );
  },
});
