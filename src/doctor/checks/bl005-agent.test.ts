import { aNode, aPod, anAgent, table } from "../../../test/unit/doctor.ts";
import { agent } from "./bl005-agent.ts";

table(agent, {
  "each has one": {
    given: { nodes: [aNode("n1")], pods: [anAgent("n1")] },
    result: "ok",
    found: "1 node, each with a ready agent",
  },
  "one is not ready, one is not there": {
    given: {
      nodes: [aNode("n1"), aNode("n2"), aNode("n3")],
      pods: [anAgent("n1"), anAgent("n2", { isReady: false })],
    },
    result: "problem",
    found: "2 of 3 nodes without a ready agent",
    items: ["node n2: its agent kube-system/agent-n2 is not ready", "node n3: it has no agent"],
  },
  "by hand, without agents": {
    given: { nodes: [aNode("n1")], pods: [aPod("web")] },
    result: "skipped",
    found: "no agent is in the cluster: the plugin may be installed by hand",
  },
});
