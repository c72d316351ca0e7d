import { counted, defineCheck, ok, warning } from "../check.ts";

const HOUR = 3_600_000;

export const listRepairs = defineCheck({
  code: "BL006",
  title: "Nobody else writes our list",
  why: "Another program that removes or changes our list opens a gap in which a pod may start with its node's groups.",
  todo: "Find who writes /etc/cni/net.d on that node (another CNI, a bootstrap script, an older chart), and stop it there. aws-node's own file may go to another directory: the closed mode of docs/install.md.",
  place: "cluster",
  needs: ["events", "now"],
  judge({ events, now }) {
    const repairs = events.filter(({ reason, lastAt }) => reason === "ListRepaired" && now - lastAt < HOUR);
    // Once is an upgrade, or aws-node's start.
    const often = repairs.filter(({ count }) => count > 1);
    if (often.length === 0) return ok("no list was repaired more than once in the last hour");
    return warning(
      `our list was repaired again and again on ${counted(often.length, "node")}`,
      often.map(({ on, count, message }) => `${on}: ${count} times, the last time: ${message}`),
    );
  },
});
