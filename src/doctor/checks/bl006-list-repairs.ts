import { counted, defineCheck, ok, warning } from "../check.ts";

const HOUR = 3_600_000;

export const listRepairs = defineCheck({
  code: "BL006",
  title: "Nobody else writes branchline's file in /etc/cni/net.d",
  why: "The runtime calls the plugin because of that file (05-branchline.conflist, unless it was given another name). When another program removes or changes it, a pod may start with its node's groups until the agent has put it back.",
  todo: "Find who writes to /etc/cni/net.d on that node (another CNI, a bootstrap script, an older chart), and stop it there. In the closed mode aws-node writes its file to another directory (docs/install.md).",
  place: "cluster",
  needs: ["events", "now"],
  judge({ events, now }) {
    const repairs = events.filter(({ reason, lastAt }) => reason === "ListRepaired" && now - lastAt < HOUR);
    // Once is an upgrade, or aws-node's start.
    const often = repairs.filter(({ count }) => count > 1);
    if (often.length === 0) return ok("on no node was it put back more than once in the last hour");
    return warning(
      `branchline's file had to be put back again and again on ${counted(often.length, "node")}`,
      often.map(({ on, count, message }) => `${on}: ${count} times, the last time: ${message}`),
    );
  },
});
