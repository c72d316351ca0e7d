import { table } from "../../../test/unit/doctor.ts";
import { localRule } from "./bl036-local-rule.ts";

table(localRule, {
  "left alone": {
    given: {
      localRulesMissing: [],
      networkd: { ManageForeignRoutingPolicyRules: "no", ManageForeignRoutes: "no" },
    },
    result: "ok",
    found: "the rules are there, and systemd-networkd leaves them alone",
  },
  "removed by whoever restarts networkd": {
    given: { localRulesMissing: [], networkd: { ManageForeignRoutes: "yes" } },
    result: "warning",
    found: "systemd-networkd runs, and removes rules and routes of others when it restarts",
    items: ["ManageForeignRoutingPolicyRules is not set, so yes", "ManageForeignRoutes is yes"],
  },
  gone: {
    given: { localRulesMissing: [4] },
    result: "problem",
    found: "the node has no rule for table local: IPv4",
  },
});
