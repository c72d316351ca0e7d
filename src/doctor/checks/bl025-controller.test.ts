import { CONTROLLER, NOW, aPod, table } from "../../../test/unit/doctor.ts";
import { controller } from "./bl025-controller.ts";

const LEASE = {
  namespace: "kube-system",
  name: "branchline-controller",
  holder: "c-0",
  renewedAt: NOW - 2_000,
  seconds: 15,
};

table(controller, {
  "one leads": {
    given: { now: NOW, leases: [LEASE], pods: [] },
    result: "ok",
    found: "c-0 leads",
  },
  "the last one is gone": {
    given: {
      now: NOW,
      leases: [{ ...LEASE, renewedAt: NOW - 90_000 }],
      pods: [aPod("c-0", { labels: CONTROLLER, isReady: false })],
    },
    result: "problem",
    found: "no controller leads",
    items: ["Lease kube-system/branchline-controller: c-0 renewed it 90 s ago", "pod shop/c-0: not ready"],
  },
  "on EKS": {
    given: { now: NOW, leases: [], pods: [] },
    result: "skipped",
    found: "no controller of ours is in the cluster: on EKS, AWS's acts",
  },
});
