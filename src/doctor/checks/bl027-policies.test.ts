import { aPod, aPolicy, table } from "../../../test/unit/doctor.ts";
import { policiesDecide } from "./bl027-policies.ts";

table(policiesDecide, {
  "they can": {
    given: { policies: [aPolicy("web")], pods: [aPod("web-0")] },
    result: "ok",
    found: "1 SecurityGroupPolicy",
  },
  "one cannot, one selects nothing": {
    given: {
      policies: [
        aPolicy("bad", {
          podSelector: { matchExpressions: [{ key: "app", operator: "Like", values: ["w"] }] },
        }),
        aPolicy("empty", { groups: [] }),
      ],
      pods: [aPod("web-0")],
      accounts: new Map([["shop/default", {}]]),
    },
    result: "problem",
    found: "2 SecurityGroupPolicies without effect, or impossible to evaluate",
    items: [
      "SecurityGroupPolicy shop/empty: spec.securityGroups.groupIds is empty",
      'SecurityGroupPolicy shop/bad: spec.podSelector.matchExpressions[0]: operator "Like" is none of In, NotIn, Exists, DoesNotExist',
    ],
  },
});
