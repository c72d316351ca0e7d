import { aPod, aPolicy, table } from "../../../test/unit/doctor.ts";
import { groupQuota } from "./bl011-group-quota.ts";

const ids = (count: number) => Array.from({ length: count }, (_, i) => `sg-${i}`);

table(groupQuota, {
  few: {
    given: { policies: [aPolicy("web")], pods: [aPod("web-0")] },
    result: "ok",
    found: "no pod has more than 1 group",
  },
  "six by two policies": {
    given: {
      policies: [aPolicy("web", { groups: ids(4) }), aPolicy("logs", { groups: ["sg-x", "sg-y"] })],
      pods: [aPod("web-0")],
    },
    result: "warning",
    found: "1 pod would have more than 5 groups, the quota of an account that asked for no more",
    items: ["pod shop/web-0: 6 groups, by 2 policies: shop/logs, shop/web"],
  },
  "more than EC2 takes": {
    given: { policies: [aPolicy("web", { groups: ids(17) })], pods: [aPod("web-0")] },
    result: "problem",
    found: "1 pod would have more than 16 groups",
    items: ["pod shop/web-0: 17 groups, by 1 policy: shop/web"],
  },
});
