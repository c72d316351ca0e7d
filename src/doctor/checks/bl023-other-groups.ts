import { groupsOfPod } from "../../policy/groups-of-pod.ts";
import { counted, defineCheck, ok, skipped, warning } from "../check.ts";
import { isAlive, podName } from "../nodes.ts";

export const otherGroups = defineCheck({
  code: "BL023",
  title: "Branches have the groups that the policies say",
  why: "A policy that is changed does not change the branches of pods that run: they keep the groups of their start.",
  todo: "Restart the pods (kubectl rollout restart), or give the ENI its groups by aws ec2 modify-network-interface-attribute.",
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
