import { groupsOfPod } from "../../policy/groups-of-pod.ts";
import { counted, defineCheck, ok, problem, skipped, warning } from "../check.ts";
import { isAlive, podName } from "../nodes.ts";

/** Groups that an interface may have: unless the account's quota was raised, and at most. */
const DEFAULT = 5;
const MOST = 16;

export const groupQuota = defineCheck({
  code: "BL011",
  title: "No pod has more security groups than an interface may have",
  why: "All policies that select a pod add their groups, and EC2 takes 5 for an interface unless the account's quota was raised, and never more than 16. With more, no branch is made.",
  todo: "Put rules together in fewer groups, or let fewer policies select the pod. The quota is `Security groups per network interface` of Amazon VPC in Service Quotas.",
  place: "cluster",
  needs: ["policies", "pods"],
  uses: ["accounts"],
  judge({ policies, pods, accounts }) {
    if (policies.length === 0) return skipped("there is no SecurityGroupPolicy");
    const counts = pods
      .filter((pod) => isAlive(pod) && !pod.usesHostNetwork)
      .map((pod) => {
        const labels = accounts?.get(`${pod.namespace}/${pod.serviceAccount}`);
        const { groups, selecting } = groupsOfPod(policies, pod, labels);
        return { pod, count: groups.length, selecting };
      });
    const items = (least: number) =>
      counts
        .filter(({ count }) => count > least)
        .map(
          ({ pod, count, selecting }) =>
            `pod ${podName(pod)}: ${count} groups, by ${counted(selecting.length, "policy")}: ${selecting.join(", ")}`,
        );
    const impossible = items(MOST);
    if (impossible.length > 0)
      return problem(
        `${counted(impossible.length, "pod")} would have more than ${MOST} groups`,
        items(DEFAULT),
      );
    const many = items(DEFAULT);
    if (many.length > 0)
      return warning(
        `${counted(many.length, "pod")} would have more than ${DEFAULT} groups, the quota of an account that asked for no more`,
        many,
      );
    const most = counts.reduce((so, { count }) => Math.max(so, count), 0);
    return ok(`no pod has more than ${counted(most, "group")}`);
  },
});
