import { groupsOfPod } from "../../policy/groups-of-pod.ts";
import { counted, defineCheck, ok, skipped, warning } from "../check.ts";
import { isAlive, podName } from "../nodes.ts";

export const otherGroups = defineCheck({
  code: "BL023",
  title: "Branches have the groups that the policies say",
  why: "Our controller gives the branches of running pods the groups of their policies within seconds of a change. Where a branch has others, either EC2 refuses, or the change is not made (controller.liveGroups is false, or there is no controller of ours), or somebody has changed the interface. A pod that no policy selects any more keeps its groups on purpose.",
  todo: "kubectl describe the pod and its policy: the event GroupsNotChanged has EC2's reason, such as a missing permission. If nobody is to change groups while pods run, make the pods anew: kubectl rollout restart.",
  place: "cluster",
  needs: ["pods", "policies", "interfaces"],
  uses: ["accounts"],
  judge({ pods, policies, interfaces, accounts }) {
    const byId = new Map(interfaces.map((eni) => [eni.id, eni]));
    const known = pods.flatMap((pod) => {
      const eni = typeof pod.branch === "object" && isAlive(pod) ? byId.get(pod.branch.eni) : undefined;
      return eni === undefined ? [] : [{ pod, eni }];
    });
    if (known.length === 0) return skipped("EC2 shows no branch of a pod");
    const differing = known.flatMap(({ pod, eni }) => {
      const labels = accounts?.get(`${pod.namespace}/${pod.serviceAccount}`);
      const { groups, undecided } = groupsOfPod(policies, pod, labels);
      if (undecided.length > 0) return [];
      const [wanted, has] = [groups, eni.groups].map((ids) => ids.toSorted().join(", "));
      if (wanted === has) return [];
      const says = groups.length === 0 ? "no policy selects it any more" : `its policies say ${wanted}`;
      return [`pod ${podName(pod)}: ${eni.id} has ${has}, and ${says}`];
    });
    if (differing.length === 0) return ok(`${counted(known.length, "branch")}, each as its policies say`);
    return warning(
      `${counted(differing.length, "branch")} with other groups than the policies say`,
      differing,
    );
  },
});
