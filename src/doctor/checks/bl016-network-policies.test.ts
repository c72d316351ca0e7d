import { aPod, anEntry, branched, table } from "../../../test/unit/doctor.ts";
import { networkPolicies } from "./bl016-network-policies.ts";

const CALICO = aPod("calico", { namespace: "kube-system", usesHostNetwork: true, enforces: true });

table(networkPolicies, {
  "none of them is direct": {
    given: {
      pods: [branched("web-0", 1), CALICO],
      networkPolicies: [{ namespace: "shop", name: "default-deny", podSelector: {} }],
      entry: anEntry({ datapath: "routed" }),
    },
    result: "ok",
    found: "1 NetworkPolicy, none on a direct pod",
  },
  "a direct pod": {
    given: {
      pods: [branched("web-0", 1), CALICO],
      networkPolicies: [{ namespace: "shop", name: "default-deny", podSelector: {} }],
      entry: anEntry({}),
    },
    result: "problem",
    found: "1 direct pod under a NetworkPolicy",
    items: ["pod shop/web-0: NetworkPolicy default-deny selects it and is not enforced"],
  },
  "of another namespace": {
    given: {
      pods: [branched("web-0", 1), CALICO],
      networkPolicies: [{ namespace: "other", name: "default-deny", podSelector: {} }],
      entry: anEntry({}),
    },
    result: "ok",
    found: "1 NetworkPolicy, none on a direct pod",
  },
  "nobody enforces": {
    given: {
      pods: [branched("web-0", 1)],
      networkPolicies: [{ namespace: "shop", name: "default-deny", podSelector: {} }],
      entry: anEntry({}),
    },
    result: "skipped",
    found: "no pod is known to enforce NetworkPolicies on the veths",
  },
});
