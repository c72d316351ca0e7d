import { aBranch, aNode, aPrimary, aRule, anEntry, branched, table } from "../../../test/unit/doctor.ts";
import { probes } from "./bl013-probes.ts";

const WORLD = {
  nodes: [aNode("n1")],
  pods: [branched("web-0", 1, { probePorts: [8080] })],
  interfaces: [aBranch("web-0", 1), aPrimary("n1")],
  entry: anEntry({ datapath: "routed", manageEarlyDemux: true }),
};

table(probes, {
  "let in": {
    given: {
      ...WORLD,
      rules: [
        aRule("sg-web", "in", {
          protocol: "tcp",
          fromPort: 8080,
          toPort: 8080,
          cidr: undefined,
          peerGroup: "sg-node",
        }),
      ],
    },
    result: "ok",
    found: "1 strict pod with probes, open to the node",
  },
  "not let in": {
    given: { ...WORLD, rules: [aRule("sg-web", "in", { protocol: "tcp", fromPort: 443, toPort: 443 })] },
    result: "problem",
    found: "closed to probes: 1 of 1 strict pod",
    items: ["pod shop/web-0: no rule of sg-web lets tcp 8080 in from sg-node of its node"],
  },
  "tcp_early_demux may be on": {
    given: { ...WORLD, entry: anEntry({ datapath: "routed" }), rules: [aRule("sg-web", "in")] },
    result: "warning",
    found: "tcp_early_demux may be on: neither manageEarlyDemux nor DISABLE_TCP_EARLY_DEMUX is set",
    items: ["kube-system/branchline-agent: manageEarlyDemux is not set"],
  },
  "direct pods are probed over the veth": {
    given: { ...WORLD, entry: anEntry({}) },
    result: "skipped",
    found: "no pod in strict mode has a probe over the network",
  },
});
