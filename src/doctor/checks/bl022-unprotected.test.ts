import { NOW, aPod, aPolicy, branched, table } from "../../../test/unit/doctor.ts";
import { unprotected } from "./bl022-unprotected.ts";

table(unprotected, {
  "it has its branch": {
    given: { policies: [aPolicy("web")], pods: [branched("web-0", 1), aPod("other", { labels: {} })] },
    result: "ok",
    found: "every running pod that a policy selects has its branch",
  },
  "selected, asking, and older than the policy": {
    given: {
      policies: [aPolicy("web")],
      pods: [
        aPod("web-0"),
        aPod("web-1", { asksForBranch: true }),
        aPod("web-2", { createdAt: NOW - 86_400_000 }),
        aPod("web-3", { phase: "Pending" }),
      ],
    },
    result: "problem",
    found: "3 pods with the node's groups instead of a branch",
    items: [
      "pod shop/web-0: SecurityGroupPolicy shop/web selects it, and it was made without asking for a branch",
      "pod shop/web-1: it asks for a branch, and runs without one",
      "pod shop/web-2: it is older than SecurityGroupPolicy shop/web, which selects it",
    ],
  },
});
