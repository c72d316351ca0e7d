import { defineCheck, ok, problem, skipped } from "../check.ts";
import { isController, podName } from "../nodes.ts";

const NAME = "branchline-controller";

export const controller = defineCheck({
  code: "BL025",
  title: "A controller is at work",
  why: "Of the controller's pods the one that holds the Lease branchline-controller works. While none does, no pod gets a branch, and no branch is taken back. Pods that have their branch go on.",
  todo: "kubectl logs of the controller's pods says why none has the Lease: a missing right, or no answer from the API server.",
  place: "cluster",
  needs: ["leases", "pods", "now"],
  judge({ leases, pods, now }) {
    const parts = pods.filter(isController);
    const its = leases.filter(({ name }) => name === NAME);
    if (parts.length === 0 && its.every(({ holder }) => holder === ""))
      return skipped("no controller of ours is in the cluster: on EKS, AWS's acts");
    const held = its.find(
      ({ holder, renewedAt, seconds }) => holder !== "" && now - renewedAt < seconds * 1000 * 2,
    );
    if (held !== undefined) return ok(`${held.holder} leads`);
    const last = its.find(({ holder }) => holder !== "");
    const ago = last === undefined ? undefined : Math.round((now - last.renewedAt) / 1000);
    return problem("no controller leads", [
      last === undefined
        ? `nobody holds the Lease ${NAME}`
        : `Lease ${last.namespace}/${NAME}: ${last.holder} renewed it ${ago} s ago`,
      ...parts.map((pod) => `pod ${podName(pod)}: ${pod.isReady ? "ready" : "not ready"}`),
    ]);
  },
});
