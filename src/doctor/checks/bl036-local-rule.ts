import { defineCheck, ok, problem, warning } from "../check.ts";

const KEYS = ["ManageForeignRoutingPolicyRules", "ManageForeignRoutes"];

export const localRule = defineCheck({
  code: "BL036",
  title: "Nobody removes the node's routing rules",
  why: "Without its rule for the table local the node accepts no packets at all. systemd-networkd removes rules and routes that it has not made when it restarts: those of aws-node and of branchline too, which cuts pods off.",
  todo: "ip rule add priority 0 table local protocol kernel (for IPv6: ip -6). Set ManageForeignRoutingPolicyRules=no and ManageForeignRoutes=no in [Network] of /etc/systemd/networkd.conf, and restart systemd-networkd.",
  place: "node",
  needs: ["localRulesMissing"],
  uses: ["networkd"],
  judge({ localRulesMissing: missing, networkd }) {
    if (missing.length > 0)
      return problem(`the node has no rule for table local: IPv${missing.join(", IPv")}`);
    if (networkd === undefined) return ok("the rules for table local are there");
    // Both are yes unless they are set.
    const managed = KEYS.filter((key) => !/^(no|false|off|0)$/i.test(networkd[key] ?? "yes"));
    if (managed.length === 0) return ok("the rules are there, and systemd-networkd leaves them alone");
    return warning(
      "systemd-networkd runs, and removes rules and routes of others when it restarts",
      managed.map((key) => `${key} is ${networkd[key] ?? "not set, so yes"}`),
    );
  },
});
