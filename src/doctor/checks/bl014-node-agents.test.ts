import { aDaemonSet, aPod, anEntry, branched, table } from "../../../test/unit/doctor.ts";
import { nodeAgents } from "./bl014-node-agents.ts";

table(nodeAgents, {
  "none is here": {
    given: { pods: [branched("web-0", 1)], daemonSets: [], entry: anEntry({ datapath: "routed" }) },
    result: "ok",
    found: "neither NodeLocal DNS nor EKS Pod Identity is in the cluster",
  },
  "strict pods, and both": {
    given: {
      pods: [branched("web-0", 1), aPod("other")],
      daemonSets: [aDaemonSet("node-local-dns"), aDaemonSet("eks-pod-identity-agent")],
      entry: anEntry({ datapath: "routed" }),
    },
    result: "warning",
    found: "1 strict pod cannot reach NodeLocal DNS, 169.254.20.10; EKS Pod Identity, 169.254.170.23",
    items: ["pod shop/web-0"],
  },
  "direct pods reach them": {
    given: { pods: [branched("web-0", 1)], daemonSets: [aDaemonSet("node-local-dns")], entry: anEntry({}) },
    result: "ok",
    found: "no pod is in strict mode; the cluster has NodeLocal DNS, 169.254.20.10",
  },
});
