import { defineCheck, ok, problem, skipped, warning } from "../check.ts";

export const awsCni = defineCheck({
  code: "BL024",
  title: "One program attaches branches, not two",
  why: "With ENABLE_POD_ENI aws-node attaches the branches itself. branchline refuses a pod that has been attached already, so such pods do not start, unless alreadyAttached in the plugin's entry is pass.",
  todo: "Switch ENABLE_POD_ENI of aws-node off. If you are migrating from it, set alreadyAttached to pass until that is done (docs/install.md).",
  place: "cluster",
  needs: ["daemonSets", "entry"],
  judge({ daemonSets, entry }) {
    const awsNode = daemonSets.find(({ name }) => name === "aws-node");
    if (awsNode === undefined) return skipped("there is no DaemonSet aws-node");
    const isOn = awsNode.env["ENABLE_POD_ENI"] === "true";
    const passes = entry?.entry["alreadyAttached"] === "pass";
    if (!isOn && !passes) return ok("ENABLE_POD_ENI of aws-node is off");
    if (entry === undefined) return skipped("the plugin's entry is in no ConfigMap");
    if (!isOn)
      return warning("ENABLE_POD_ENI of aws-node is off, and alreadyAttached is still pass", [
        `${entry.from}: set alreadyAttached to refuse, which ends the migration`,
      ]);
    if (passes) return warning("a migration is under way: aws-cni attaches branches, and our plugin passes");
    return problem("aws-cni attaches branches (ENABLE_POD_ENI), and our plugin refuses such pods", [
      `${entry.from}: alreadyAttached is not pass`,
    ]);
  },
});
