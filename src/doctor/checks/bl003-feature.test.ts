import { aCniNode, aNode, anAgent, table } from "../../../test/unit/doctor.ts";
import { feature } from "./bl003-feature.ts";

table(feature, {
  "they ask": {
    given: { nodes: [aNode("n1")], pods: [anAgent("n1")], cniNodes: [aCniNode("n1")] },
    result: "ok",
    found: "1 node with a ready agent, all ask",
  },
  "no CNINode, and one without the feature": {
    given: {
      nodes: [aNode("n1"), aNode("n2")],
      pods: [anAgent("n1"), anAgent("n2")],
      cniNodes: [aCniNode("n2", { features: ["CustomNetworking"] })],
    },
    result: "problem",
    found: "2 of 2 nodes with a ready agent, but not asking for a trunk",
    items: [
      "node n1: there is no CNINode n1",
      "node n2: its CNINode lacks the feature SecurityGroupsForPods",
    ],
  },
  "an agent that is not ready asks later": {
    given: { nodes: [aNode("n1")], pods: [anAgent("n1", { isReady: false })], cniNodes: [] },
    result: "skipped",
    found: "no node has an agent that is ready",
  },
});
