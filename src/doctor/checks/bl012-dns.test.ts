import {
  aBranch,
  aNode,
  aPod,
  aPrimary,
  aRule,
  anEntry,
  branched,
  table,
} from "../../../test/unit/doctor.ts";
import { dns } from "./bl012-dns.ts";

const COREDNS = aPod("coredns", { namespace: "kube-system", node: "n2", labels: { "k8s-app": "kube-dns" } });
const WORLD = {
  nodes: [aNode("n1"), aNode("n2")],
  pods: [branched("web-0", 1), COREDNS],
  interfaces: [aBranch("web-0", 1), aPrimary("n1", ["sg-other"]), aPrimary("n2")],
};

table(dns, {
  "the rules let it through": {
    given: {
      ...WORLD,
      rules: [aRule("sg-web", "out"), aRule("sg-node", "in", { cidr: undefined, peerGroup: "sg-web" })],
    },
    result: "ok",
    found: "1 set of groups, all to port 53 of 1 pod",
  },
  "no rule in at CoreDNS, for tcp": {
    given: {
      ...WORLD,
      rules: [
        aRule("sg-web", "out"),
        aRule("sg-node", "in", { protocol: "udp", fromPort: 53, toPort: 53, cidr: "10.0.0.0/16" }),
      ],
    },
    result: "problem",
    found: "closed ways to CoreDNS: 1",
    items: ["sg-web (as pod shop/web-0) to sg-node of CoreDNS: no rule lets tcp 53 in"],
  },
  "no rule out": {
    given: {
      ...WORLD,
      rules: [
        aRule("sg-web", "out", { protocol: "tcp", fromPort: 443, toPort: 443 }),
        aRule("sg-node", "in"),
      ],
    },
    result: "problem",
    found: "closed ways to CoreDNS: 2",
    items: [
      "sg-web (as pod shop/web-0) to sg-node of CoreDNS: no rule lets udp 53 out",
      "sg-web (as pod shop/web-0) to sg-node of CoreDNS: no rule lets tcp 53 out",
    ],
  },
  "no rule out, but direct pods ask by the groups of their nodes": {
    given: { ...WORLD, rules: [aRule("sg-node", "in")], entry: anEntry({}) },
    result: "skipped",
    found: "direct pods reach Services by the groups of their nodes",
  },
  "no rule out for routed pods": {
    given: { ...WORLD, rules: [aRule("sg-node", "in")], entry: anEntry({ datapath: "routed" }) },
    result: "problem",
    found: "closed ways to CoreDNS: 2",
    items: [
      "sg-web (as pod shop/web-0) to sg-node of CoreDNS: no rule lets udp 53 out",
      "sg-web (as pod shop/web-0) to sg-node of CoreDNS: no rule lets tcp 53 out",
    ],
  },
  "no rule out, where auto decides": {
    given: { ...WORLD, rules: [aRule("sg-node", "in")], entry: anEntry({ datapath: "auto" }) },
    result: "warning",
    found: "whether CoreDNS is reached depends on prefix lists, or on the pods' datapath",
    items: [
      "sg-web (as pod shop/web-0) to sg-node of CoreDNS: no rule lets udp 53 out",
      "sg-web (as pod shop/web-0) to sg-node of CoreDNS: no rule lets tcp 53 out",
    ],
  },
  "no rule out, where auto decides for all but one": {
    given: {
      ...WORLD,
      pods: [branched("web-0", 1), { ...branched("web-1", 2), datapath: "routed" }, COREDNS],
      interfaces: [...WORLD.interfaces, aBranch("web-1", 2)],
      rules: [aRule("sg-node", "in")],
      entry: anEntry({ datapath: "auto", allowDatapathOverride: true }),
    },
    result: "problem",
    found: "closed ways to CoreDNS: 2",
    items: [
      "sg-web (as pod shop/web-0) to sg-node of CoreDNS: no rule lets udp 53 out",
      "sg-web (as pod shop/web-0) to sg-node of CoreDNS: no rule lets tcp 53 out",
    ],
  },
  "by a prefix list": {
    given: {
      ...WORLD,
      rules: [aRule("sg-web", "out", { cidr: undefined, prefixList: "pl-a" }), aRule("sg-node", "in")],
    },
    result: "warning",
    found: "whether CoreDNS is reached depends on prefix lists, or on the pods' datapath",
    items: [
      "sg-web (as pod shop/web-0) to sg-node of CoreDNS: udp 53 only by a prefix list",
      "sg-web (as pod shop/web-0) to sg-node of CoreDNS: tcp 53 only by a prefix list",
    ],
  },
});
