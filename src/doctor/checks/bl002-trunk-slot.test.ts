import { aDaemonSet, aNode, anInterface, table } from "../../../test/unit/doctor.ts";
import { trunkSlot } from "./bl002-trunk-slot.ts";

table(trunkSlot, {
  "MAX_ENI leaves a slot": {
    given: { nodes: [aNode("n1")], daemonSets: [aDaemonSet("aws-node", { env: { MAX_ENI: "2" } })] },
    result: "ok",
    found: "MAX_ENI of aws-node is 2: less than any type of the nodes has",
  },
  "MAX_ENI is not set": {
    given: { nodes: [aNode("n1")], daemonSets: [aDaemonSet("aws-node")] },
    result: "warning",
    found: "aws-node may attach interfaces until none is left for the trunk",
    items: ["m5.large has 3 interfaces, and MAX_ENI is not set"],
  },
  "MAX_ENI is that of a larger type": {
    given: {
      nodes: [aNode("n1"), aNode("n2", { instanceType: "m5.4xlarge" })],
      daemonSets: [aDaemonSet("aws-node", { env: { MAX_ENI: "7" } })],
    },
    result: "warning",
    found: "aws-node may attach interfaces until none is left for the trunk",
    items: ["m5.large has 3 interfaces, and MAX_ENI is 7"],
  },
  "a node is full": {
    given: {
      nodes: [aNode("n1"), aNode("n2")],
      daemonSets: [],
      interfaces: [0, 1, 2].map((index) =>
        anInterface(`eni-${index}`, { instance: "i-n1", deviceIndex: index }),
      ),
    },
    result: "problem",
    found: "1 of 2 nodes without a slot for a trunk",
    items: ["node n1: all 3 interfaces of its type m5.large are attached, and none is a trunk"],
  },
  "aws-node keeps it": {
    given: {
      nodes: [aNode("n1")],
      daemonSets: [aDaemonSet("aws-node", { env: { ENABLE_POD_ENI: "true" } })],
    },
    result: "ok",
    found: "aws-node keeps a slot for the trunk (ENABLE_POD_ENI)",
  },
});
