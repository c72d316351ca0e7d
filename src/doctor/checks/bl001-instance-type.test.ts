import { aNode, table } from "../../../test/unit/doctor.ts";
import { instanceType } from "./bl001-instance-type.ts";

table(instanceType, {
  "all have trunks": {
    given: { nodes: [aNode("n1")] },
    result: "ok",
    found: "1 node, all of types with trunks",
  },
  "one has none, one is not known": {
    given: {
      nodes: [
        aNode("n1"),
        aNode("n2", { instanceType: "t3.large" }),
        aNode("n3", { instanceType: "x9.huge" }),
      ],
    },
    result: "warning",
    found: "2 of 3 nodes without branches",
    items: ["node n2: the type t3.large has no trunk", "node n3: the type x9.huge is not known"],
  },
  "the ConfigMap says what a type has": {
    given: { nodes: [aNode("n3", { instanceType: "x9.huge" })], typeOverrides: { "x9.huge": "4 20" } },
    result: "ok",
    found: "1 node, all of types with trunks",
  },
  "no instance": {
    given: { nodes: [aNode("fargate", { instance: undefined })] },
    result: "skipped",
    found: "no node is a Linux instance of EC2",
  },
});
