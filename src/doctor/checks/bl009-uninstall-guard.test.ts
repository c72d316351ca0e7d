import { aDaemonSet, anAgent, table } from "../../../test/unit/doctor.ts";
import { uninstallGuard } from "./bl009-uninstall-guard.ts";

table(uninstallGuard, {
  none: {
    given: { guards: new Map(), pods: [anAgent("n1")], daemonSets: [] },
    result: "ok",
    found: "no guard and no mark of an uninstallation",
  },
  begun: {
    given: {
      guards: new Map([["branchline-uninstall", ["Deny"]]]),
      pods: [anAgent("n1")],
      daemonSets: [aDaemonSet("branchline-agent", { labels: { "branchline.dev/uninstall": "1" } })],
    },
    result: "problem",
    found: "an uninstallation was begun, and agents are still there",
    items: [
      "ValidatingAdmissionPolicy branchline-uninstall is there: pods that ask for a branch are denied",
      "DaemonSet kube-system/branchline-agent has the label branchline.dev/uninstall",
    ],
  },
  over: {
    given: { guards: new Map([["branchline-uninstall", ["Deny"]]]), pods: [], daemonSets: [] },
    result: "skipped",
    found: "branchline is uninstalled, and its guard branchline-uninstall is kept",
  },
});
