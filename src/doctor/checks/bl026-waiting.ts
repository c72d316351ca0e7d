import { counted, defineCheck, ok, problem } from "../check.ts";
import { podName } from "../nodes.ts";

/** Longer than a controller needs, even with EC2 throttling it, for a burst of some hundred pods. */
const LONG_MS = 2 * 60_000;

export const waiting = defineCheck({
  code: "BL026",
  title: "No pod waits long for its branch",
  why: "A pod that asked for a branch and has none yet does not start. Seconds are normal, minutes are not.",
  todo: "kubectl describe the pod: its events say what it waits for. If they do not, the controller has not seen it: look at the controller's log, and at BL004 and BL025.",
  place: "cluster",
  needs: ["pods", "now"],
  uses: ["events"],
  judge({ pods, now, events = [] }) {
    const late = pods.filter(
      ({ phase, asksForBranch, branch, usesHostNetwork, createdAt }) =>
        phase === "Pending" &&
        asksForBranch &&
        branch === undefined &&
        !usesHostNetwork &&
        now - createdAt > LONG_MS,
    );
    if (late.length === 0) return ok("no pod has waited for more than two minutes");
    return problem(
      `${counted(late.length, "pod")} waiting for more than two minutes`,
      late.map((pod) => {
        const minutes = Math.floor((now - pod.createdAt) / 60_000);
        const said = events
          .filter(({ on }) => on === `Pod ${podName(pod)}`)
          .toSorted((a, b) => a.lastAt - b.lastAt)
          .at(-1);
        const where = pod.node === "" ? "not scheduled" : `on ${pod.node}`;
        const words = said === undefined ? "no event says why" : `${said.reason}: ${said.message}`;
        return `pod ${podName(pod)}: ${minutes} minutes, ${where}; ${words}`;
      }),
    );
  },
});
