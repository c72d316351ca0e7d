import { aBranch, aPolicy, branched, table } from "../../../test/unit/doctor.ts";
import { otherGroups } from "./bl023-other-groups.ts";

table(otherGroups, {
  "the same": {
    given: { policies: [aPolicy("web")], pods: [branched("web-0", 1)], interfaces: [aBranch("web-0", 1)] },
    result: "ok",
    found: "1 branch, each as its policies say",
  },
  "the policy was changed, or deleted": {
    given: {
      policies: [aPolicy("web", { groups: ["sg-web", "sg-db"] })],
      pods: [branched("web-0", 1), branched("api-0", 2, { labels: { app: "api" } })],
      interfaces: [aBranch("web-0", 1), aBranch("api-0", 2)],
    },
    result: "warning",
    found: "2 branches with other groups than the policies say",
    items: [
      "pod shop/web-0: eni-web-0 has sg-web, and its policies say sg-db, sg-web",
      "pod shop/api-0: eni-api-0 has sg-web, and no policy selects it any more",
    ],
  },
});
