import { aNode, anAgent, table } from "../../../test/unit/doctor.ts";
import { platform } from "./bl028-platform.ts";

table(platform, {
  "they are": {
    given: {
      nodes: [aNode("n1"), aNode("n2", { architecture: "arm64" })],
      pods: [anAgent("n1"), anAgent("n2")],
    },
    result: "ok",
    found: "2 nodes",
  },
  others: {
    given: {
      nodes: [
        aNode("n1", { architecture: "s390x" }),
        aNode("n2", { runtime: "docker://24.0.7" }),
        aNode("n3", { runtime: "cri-o://1.28.1" }),
        aNode("n4", { architecture: "s390x" }),
      ],
      pods: [anAgent("n1"), anAgent("n2"), anAgent("n3")],
    },
    result: "problem",
    found: "3 nodes with an agent cannot run the plugin",
    items: [
      "node n1: it is s390x",
      "node n2: docker://24.0.7 is not supported",
      "node n3: cri-o://1.28.1 passes no annotations",
    ],
  },
});
