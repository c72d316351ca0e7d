import { branched, table } from "../../../test/unit/doctor.ts";
import { vlanTwice } from "./bl020-vlan-twice.ts";

table(vlanTwice, {
  "each its own": {
    given: { pods: [branched("web-0", 1), branched("web-1", 2), branched("web-2", 1, { node: "n2" })] },
    result: "ok",
    found: "every branch has a VLAN id of its own",
  },
  "two pods of one node": {
    given: {
      pods: [branched("web-0", 1), branched("web-1", 1), branched("done", 1, { phase: "Succeeded" })],
    },
    result: "problem",
    found: "one is held twice",
    items: ["VLAN id 1 of node n1: pod shop/web-0 (eni-web-0) and pod shop/web-1 (eni-web-1)"],
  },
  "one ENI": {
    given: {
      pods: [
        branched("web-0", 1),
        branched("web-1", 2, { node: "n2", branch: { eni: "eni-web-0", vlan: 2, addresses: [] } }),
      ],
    },
    result: "problem",
    found: "one is held twice",
    items: ["eni-web-0: pod shop/web-0 and pod shop/web-1"],
  },
});
