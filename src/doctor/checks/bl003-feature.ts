import { counted, defineCheck, ok, problem, share, skipped } from "../check.ts";
import { FEATURE, asksForTrunk, isAgent, isNodeOfOurs } from "../nodes.ts";

export const feature = defineCheck({
  code: "BL003",
  title: "Nodes with an agent ask for a trunk",
  why: "A node asks for a trunk by the feature SecurityGroupsForPods in the CNINode of its name. The agent adds it when the plugin is in place on the node; without a CNINode it has nowhere to add it.",
  todo: "No CNINode: see whether the controller runs, which makes them (EKS's does so by itself). No feature: the agent's log says what it waits for, or that its ServiceAccount may not patch cninodes.",
  place: "cluster",
  needs: ["nodes", "pods", "cniNodes"],
  judge({ nodes, pods, cniNodes }) {
    const ready = new Set(pods.filter((pod) => isAgent(pod) && pod.isReady).map(({ node }) => node));
    const served = nodes.filter((node) => isNodeOfOurs(node) && ready.has(node.name));
    if (served.length === 0) return skipped("no node has an agent that is ready");
    const byName = new Map(cniNodes.map((one) => [one.name, one]));
    const without = served.flatMap(({ name }) => {
      const its = byName.get(name);
      if (its === undefined) return [`node ${name}: there is no CNINode ${name}`];
      return asksForTrunk(its) ? [] : [`node ${name}: its CNINode lacks the feature ${FEATURE}`];
    });
    if (without.length === 0) return ok(`${counted(served.length, "node")} with a ready agent, all ask`);
    return problem(
      `${share(without, served, "node")} with a ready agent, but not asking for a trunk`,
      without,
    );
  },
});
