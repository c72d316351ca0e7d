import { matchLabels } from "../../policy/label-selector.ts";
import { counted, defineCheck, ok, problem, skipped } from "../check.ts";
import { datapathOf, settingsOf } from "../entry.ts";
import { isAlive, podName } from "../nodes.ts";

export const networkPolicies = defineCheck({
  code: "BL016",
  title: "No NetworkPolicy is lost on a direct pod",
  why: "NetworkPolicies are enforced on the link between node and pod. The traffic of a direct pod goes by its branch and does not pass there: the policy is there, and does nothing.",
  todo: "Set the plugin's datapath to auto, or to routed, and delete the pods: their successors are routed. If security groups are to be enough, set networkPolicies: ignore in the chart.",
  place: "cluster",
  needs: ["pods", "networkPolicies", "entry"],
  judge({ pods, networkPolicies: policies, entry }) {
    if (entry === undefined) return skipped("the plugin's entry is in no ConfigMap");
    if (policies.length === 0) return ok("there are no NetworkPolicies");
    const enforcing = new Set(pods.filter(({ enforces }) => enforces).map(({ node }) => node));
    if (enforcing.size === 0) return skipped("no pod is known to enforce NetworkPolicies on the veths");
    const settings = settingsOf(entry.entry);
    const lost = pods.flatMap((pod) => {
      if (pod.branch === undefined || !isAlive(pod) || !enforcing.has(pod.node)) return [];
      if (datapathOf(pod, settings) !== "direct") return [];
      const its = policies.find(
        ({ namespace, podSelector }) =>
          namespace === pod.namespace &&
          matchLabels(podSelector, pod.labels, "spec.podSelector").matches !== false,
      );
      return its === undefined
        ? []
        : [`pod ${podName(pod)}: NetworkPolicy ${its.name} selects it and is not enforced`];
    });
    if (lost.length === 0) return ok(`${counted(policies.length, "NetworkPolicy")}, none on a direct pod`);
    return problem(`${counted(lost.length, "direct pod")} under a NetworkPolicy`, lost);
  },
});
