import { aDaemonSet, anEntry, table } from "../../../test/unit/doctor.ts";
import { awsCni } from "./bl024-aws-cni.ts";

table(awsCni, {
  off: {
    given: { daemonSets: [aDaemonSet("aws-node")], entry: anEntry({}) },
    result: "ok",
    found: "ENABLE_POD_ENI of aws-node is off",
  },
  both: {
    given: { daemonSets: [aDaemonSet("aws-node", { env: { ENABLE_POD_ENI: "true" } })], entry: anEntry({}) },
    result: "problem",
    found: "aws-cni attaches branches (ENABLE_POD_ENI), and our plugin refuses such pods",
    items: ["kube-system/branchline-agent: alreadyAttached is not pass"],
  },
  "a migration": {
    given: {
      daemonSets: [aDaemonSet("aws-node", { env: { ENABLE_POD_ENI: "true" } })],
      entry: anEntry({ alreadyAttached: "pass" }),
    },
    result: "warning",
    found: "a migration is under way: aws-cni attaches branches, and our plugin passes",
  },
  "a migration that nobody ended": {
    given: { daemonSets: [aDaemonSet("aws-node")], entry: anEntry({ alreadyAttached: "pass" }) },
    result: "warning",
    found: "ENABLE_POD_ENI of aws-node is off, and alreadyAttached is still pass",
    items: ["kube-system/branchline-agent: set alreadyAttached to refuse, which ends the migration"],
  },
});
