import { aCniNode, aNode, anInterface, table } from "../../../test/unit/doctor.ts";
import { trunk } from "./bl004-trunk.ts";

table(trunk, {
  "all have one": {
    given: { nodes: [aNode("n1")], cniNodes: [aCniNode("n1")] },
    result: "ok",
    found: "1 node with a trunk",
  },
  "the controller says why not": {
    given: {
      nodes: [aNode("n1", { allocatable: undefined }), aNode("n2", { allocatable: undefined })],
      cniNodes: [
        aCniNode("n1", {
          trunk: undefined,
          trunkProblem: { reason: "TrunkNoSlot", message: "all 3 are attached" },
        }),
        aCniNode("n2", { trunk: undefined }),
      ],
    },
    result: "problem",
    found: "2 of 2 nodes without the trunk that was asked for",
    items: [
      "node n1: TrunkNoSlot: all 3 are attached",
      "node n2: its CNINode names no trunk, and it offers no vpc.amazonaws.com/pod-eni",
    ],
  },
  "EC2 has it attached elsewhere": {
    given: {
      nodes: [aNode("n1")],
      cniNodes: [aCniNode("n1")],
      interfaces: [anInterface("eni-trunk-n1", { type: "trunk", instance: "i-other" })],
    },
    result: "problem",
    found: "1 of 1 node without the trunk that was asked for",
    items: ["node n1: its trunk eni-trunk-n1 is attached to i-other, not to i-n1"],
  },
  "nobody asks": {
    given: { nodes: [aNode("n1")], cniNodes: [aCniNode("n1", { features: [] })] },
    result: "skipped",
    found: "no node asks for a trunk",
  },
});
