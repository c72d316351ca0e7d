import { groupsOfPod } from "../../policy/groups-of-pod.ts";
import { counted, defineCheck, ok, problem, skipped } from "../check.ts";
import { podName } from "../nodes.ts";

export const unprotected = defineCheck({
  code: "BL022",
  title: "No pod runs without the branch that it should have",
  why: "Such a pod has its node's groups: it reaches what its policy was to keep from it, and is not let in where its own groups would be.",
  todo: "Delete the pod: its successor asks for its branch. See why this one came past the webhook (BL007), the guards (BL008) and the agent (BL005).",
  place: "cluster",
  needs: ["pods", "policies"],
  uses: ["accounts"],
  judge({ pods, policies, accounts }) {
    if (policies.length === 0) return skipped("there is no SecurityGroupPolicy");
    const running = pods.filter(
      ({ phase, usesHostNetwork, branch }) => phase === "Running" && !usesHostNetwork && branch === undefined,
    );
    const without = running.flatMap((pod) => {
      if (pod.asksForBranch) return [`pod ${podName(pod)}: it asks for a branch, and has none`];
      // To the second: a policy of the same second may have been there.
      const older = policies.filter(({ createdAt }) => createdAt <= pod.createdAt);
      const labels = accounts?.get(`${pod.namespace}/${pod.serviceAccount}`);
      const { selecting } = groupsOfPod(older, pod, labels);
      return selecting.length === 0
        ? []
        : [`pod ${podName(pod)}: SecurityGroupPolicy ${selecting.join(", ")} selects it`];
    });
    const late = running.flatMap((pod) => {
      const labels = accounts?.get(`${pod.namespace}/${pod.serviceAccount}`);
      const { selecting } = groupsOfPod(policies, pod, labels);
      const isOlder =
        selecting.length > 0 && !without.some((line) => line.startsWith(`pod ${podName(pod)}:`));
      return isOlder ? [`pod ${podName(pod)}: it is older than ${selecting.join(", ")}`] : [];
    });
    const all = [...without, ...late];
    if (all.length === 0) return ok("every running pod that a policy selects has its branch");
    return problem(`${counted(all.length, "pod")} with the node's groups instead of a branch`, all);
  },
});
