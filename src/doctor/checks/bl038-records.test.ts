import { table } from "../../../test/unit/doctor.ts";
import { records } from "./bl038-records.ts";

table(records, {
  one: {
    given: {
      attachments: [{ file: "7:c:eth0.json", vlan: 7, pod: "shop/web-0", eni: "eni-a", mode: "strict" }],
    },
    result: "ok",
    found: "1 record",
  },
  "clashing, and one not readable": {
    given: {
      attachments: [
        { file: "7:c:eth0.json", vlan: 7, pod: "shop/web-0", eni: "eni-a", mode: "strict" },
        { file: "7:d:eth0.json", vlan: 7, pod: "shop/web-1", eni: "eni-b", mode: "strict" },
        { file: "8:e:eth0.json", vlan: 8, pod: undefined, eni: undefined, mode: undefined },
      ],
    },
    result: "problem",
    found: "2 defects in /run/branchline/attachments",
    items: ["8:e:eth0.json: not readable", "VLAN id 7: shop/web-0 and shop/web-1"],
  },
});
