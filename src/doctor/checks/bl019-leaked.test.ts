import { NOW, aBranch, aCniNode, branched, table } from "../../../test/unit/doctor.ts";
import { leaked } from "./bl019-leaked.ts";

const AROUND = { now: NOW, pods: [], cniNodes: [] };

table(leaked, {
  "each is used": {
    given: { ...AROUND, interfaces: [aBranch("web-0", 1)], pods: [branched("web-0", 1)] },
    result: "ok",
    found: "1 branch, each of a pod or a trunk's",
  },
  "one that cools is its trunk's": {
    given: {
      ...AROUND,
      interfaces: [aBranch("gone-0", 1)],
      cniNodes: [aCniNode("n1", { branches: [{ eni: "eni-gone-0", vlan: 1 }] })],
    },
    result: "ok",
    found: "1 branch, each of a pod or a trunk's",
  },
  "one of nobody": {
    given: {
      ...AROUND,
      interfaces: [aBranch("web-0", 1), aBranch("gone-0", 2)],
      pods: [branched("web-0", 1)],
    },
    result: "warning",
    found: "1 of 2 branches belonging to no pod and no trunk",
    items: ["eni-gone-0: in-use on eni-trunk-n1, in subnet-a, with sg-web"],
  },
  "young, and somebody else's": {
    given: {
      ...AROUND,
      interfaces: [
        aBranch("new-0", 1, { createdAt: NOW - 60_000 }),
        aBranch("other", 2, { isOfController: false }),
      ],
    },
    result: "ok",
    found: "1 branch, each of a pod or a trunk's",
  },
});
