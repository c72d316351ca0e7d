import { durationOf } from "../duration.ts";
import { type FindProblems, podProblem } from "./view.ts";

/** Longer than a controller needs for a burst of some hundred pods, even with EC2 throttling it; as of BL026. */
const LONG_S = 2 * 60;

/** Pods that have waited for long. */
export const podsWaiting: FindProblems = ({ pods }) =>
  pods.flatMap((pod) => {
    const { state, waitedS = 0, node, why } = pod.status;
    if ((state !== "waiting" && state !== "starting") || waitedS <= LONG_S) return [];
    const where = node === "" ? "not scheduled" : `on ${node}`;
    const what = state === "waiting" ? "for its branch" : "with a branch for its network";
    const message = `it waits ${what} for ${durationOf(waitedS)}, ${where}; ${why ?? "no event says why"}`;
    return [podProblem(pod, { severity: "problem", kind: "PodWaiting", message })];
  });
