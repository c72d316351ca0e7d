import { counted, defineCheck, ok, problem, share, skipped } from "../check.ts";
import { isAgent, isAlive, isNodeOfOurs } from "../nodes.ts";

export const agent = defineCheck({
  code: "BL005",
  title: "Every node has an agent that is ready",
  why: "Once our list stands on a node, no pod starts there without its agent. On a node that never had one, pods run with the node's groups.",
  todo: "kubectl describe the agent's pod, or on the node curl 127.0.0.1:61680/readyz, which names the condition that is missing. No pod: look at the DaemonSet's nodeSelector and tolerations.",
  place: "cluster",
  needs: ["nodes", "pods"],
  judge({ nodes, pods }) {
    const agents = pods.filter((pod) => isAgent(pod) && isAlive(pod));
    if (agents.length === 0)
      return skipped("no agent is in the cluster: the plugin may be installed by hand");
    const ours = nodes.filter(isNodeOfOurs);
    const without = ours.flatMap(({ name }) => {
      const its = agents.filter(({ node }) => node === name);
      if (its.length === 0) return [`node ${name}: it has no agent`];
      if (its.some(({ isReady }) => isReady)) return [];
      return [`node ${name}: its agent ${its[0]?.namespace}/${its[0]?.name} is not ready`];
    });
    if (without.length === 0) return ok(`${counted(ours.length, "node")}, each with a ready agent`);
    return problem(`${share(without, ours, "node")} without a ready agent`, without);
  },
});
