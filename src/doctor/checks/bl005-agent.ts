import { counted, defineCheck, ok, problem, share, skipped } from "../check.ts";
import { isAgent, isAlive, isNodeOfOurs } from "../nodes.ts";

export const agent = defineCheck({
  code: "BL005",
  title: "Every node has an agent that is ready",
  why: "The agent tells the plugin which pods have a branch. Where it has been, no pod starts while it is away. On a node that never had one nothing calls the plugin: pods run with the node's groups, whatever the policies say.",
  todo: "kubectl describe the agent's pod; on the node, curl 127.0.0.1:61680/readyz names what it waits for. If the node has no such pod: see the nodeSelector and the tolerations of the DaemonSet.",
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
