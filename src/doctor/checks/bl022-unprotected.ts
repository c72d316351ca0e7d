import { groupsOfPod } from "../../policy/groups-of-pod.ts";
import { counted, defineCheck, ok, problem, skipped } from "../check.ts";
import { podName } from "../nodes.ts";

export const unprotected = defineCheck({
  code: "BL022",
  title: "No pod that a policy selects runs with its node's groups",
  why: "A pod that a SecurityGroupPolicy selects, and that runs without a branch, has the groups of its node instead of the policy's: it may reach what the policy was to keep from it, and is refused where only the policy's groups are let in.",
  todo: "Delete the pod, so that its controller makes a new one: a pod asks for its branch when it is made, so one that is older than its policy has none. If the new pod has none either, look at what should have made it ask (the webhook, BL007), denied it (the guards, BL008) or kept it from starting (the agent, BL005).",
  place: "cluster",
  needs: ["pods", "policies"],
  uses: ["accounts"],
  judge({ pods, policies, accounts }) {
    if (policies.length === 0) return skipped("there is no SecurityGroupPolicy");
    const running = pods.filter(
      ({ phase, usesHostNetwork, branch }) => phase === "Running" && !usesHostNetwork && branch === undefined,
    );
    const without = running.flatMap((pod) => {
      if (pod.asksForBranch) return [`pod ${podName(pod)}: it asks for a branch, and runs without one`];
      // To the second: a policy of the same second may have been there.
      const older = policies.filter(({ createdAt }) => createdAt <= pod.createdAt);
      const labels = accounts?.get(`${pod.namespace}/${pod.serviceAccount}`);
      const { selecting } = groupsOfPod(older, pod, labels);
      return selecting.length === 0
        ? []
        : [
            `pod ${podName(pod)}: SecurityGroupPolicy ${selecting.join(", ")} selects it, and it was made without asking for a branch`,
          ];
    });
    const late = running.flatMap((pod) => {
      const labels = accounts?.get(`${pod.namespace}/${pod.serviceAccount}`);
      const { selecting } = groupsOfPod(policies, pod, labels);
      const isOlder =
        selecting.length > 0 && !without.some((line) => line.startsWith(`pod ${podName(pod)}:`));
      return isOlder
        ? [
            `pod ${podName(pod)}: it is older than SecurityGroupPolicy ${selecting.join(", ")}, which selects it`,
          ]
        : [];
    });
    const all = [...without, ...late];
    if (all.length === 0) return ok("every running pod that a policy selects has its branch");
    return problem(`${counted(all.length, "pod")} with the node's groups instead of a branch`, all);
  },
});
