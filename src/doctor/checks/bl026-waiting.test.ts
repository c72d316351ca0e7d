import { NOW, aPod, table } from "../../../test/unit/doctor.ts";
import { waiting } from "./bl026-waiting.ts";

table(waiting, {
  "a moment": {
    given: {
      now: NOW,
      pods: [aPod("web-0", { phase: "Pending", asksForBranch: true, createdAt: NOW - 5_000 })],
    },
    result: "ok",
    found: "no pod has waited for more than two minutes",
  },
  minutes: {
    given: {
      now: NOW,
      pods: [
        aPod("web-0", { phase: "Pending", asksForBranch: true, createdAt: NOW - 600_000 }),
        aPod("web-1", { phase: "Pending", asksForBranch: true, createdAt: NOW - 180_000, node: "" }),
      ],
      events: [
        {
          on: "Pod shop/web-0",
          reason: "BranchWaiting",
          message: "no free slot",
          count: 3,
          lastAt: NOW - 1_000,
        },
        {
          on: "Pod shop/web-0",
          reason: "BranchFailed",
          message: "an older one",
          count: 1,
          lastAt: NOW - 9_000,
        },
      ],
    },
    result: "problem",
    found: "2 pods waiting for more than two minutes",
    items: [
      "pod shop/web-0: 10 minutes, on n1; BranchWaiting: no free slot",
      "pod shop/web-1: 3 minutes, not scheduled; no event says why",
    ],
  },
});
