import { aPod, anEntry, branched, table } from "../../../test/unit/doctor.ts";
import { ipvs } from "./bl015-ipvs.ts";

table(ipvs, {
  iptables: {
    given: { proxyMode: "iptables", entry: anEntry({}), pods: [branched("web-0", 1)] },
    result: "ok",
    found: "kube-proxy's mode is iptables",
  },
  "no configuration": {
    given: { proxyMode: undefined, entry: anEntry({}) },
    result: "skipped",
    found: "kube-system has neither a ConfigMap kube-proxy-config nor kube-proxy",
  },
  "IPVS and direct": {
    given: { proxyMode: "ipvs", entry: anEntry({}), pods: [branched("web-0", 1), aPod("other")] },
    result: "problem",
    found: "kube-proxy is in IPVS mode, with 1 of 1 branch on the datapath direct",
    items: ["pod shop/web-0"],
  },
  "IPVS and auto": {
    given: { proxyMode: "ipvs", entry: anEntry({ datapath: "auto" }), pods: [] },
    result: "warning",
    found: "kube-proxy is in IPVS mode, and pods may get the datapath direct",
    items: ["kube-system/branchline-agent: datapath is auto"],
  },
  "IPVS and routed": {
    given: { proxyMode: "ipvs", entry: anEntry({ datapath: "routed" }), pods: [branched("web-0", 1)] },
    result: "ok",
    found: "kube-proxy is in IPVS mode, and pods are routed",
  },
});
