import { settledAt } from "../policies.ts";
import type { Finder } from "../situation.ts";
import { listed, restart } from "./words.ts";

/** A branch whose groups are not those that the policies say. */
export const otherGroups: Finder = ({ facts, selected, ec2 }) => {
  const { pod, cniNode } = facts;
  if (pod.branch?.readable !== true || !selected.known || !ec2.branch.known) return [];
  const { eniId } = pod.branch;
  const has = ec2.branch.value?.groups;
  const { groups: wanted, findings } = selected.value;
  if (has === undefined) return [];
  const missing = wanted.filter((group) => !has.includes(group));
  const strange = has.filter((group) => !wanted.includes(group));
  if (missing.length === 0 && strange.length === 0) return [];
  const differs = [
    ...(missing.length === 0 ? [] : [`it lacks ${listed(missing)}`]),
    ...(strange.length === 0 ? [] : [`it has ${listed(strange)} besides`]),
  ].join(", and ");
  const settled = settledAt(pod) ?? "";
  const later = findings.find(
    ({ policy, selection }) =>
      selection === "late" || (selection === "selects" && policy.changedAt > settled),
  );
  if (later !== undefined) {
    const { policy, changedAt } = later.policy;
    return [
      {
        code: "late-policy",
        line: `its branch ${eniId} has other groups than its policies say: ${differs}; SecurityGroupPolicy ${policy.namespace}/${policy.name} was written at ${changedAt}, after the branch (${settled}), and the pod keeps the groups of its start`,
        todo: restart(pod, "gets the groups of now"),
      },
    ];
  }
  if (wanted.length === 0) {
    return [
      {
        code: "other-groups",
        line: `no policy selects it any more, and its branch ${eniId} has ${listed(has)}: the policy that selected it is gone, or its labels have changed`,
        todo: "nothing, if it is to keep them until it ends. To keep them for its successors write the policy again, or give the pod's template the labels that one selects: a pod that is created without either has the groups of its node",
      },
    ];
  }
  const made = cniNode.known
    ? cniNode.value?.trunk?.branches.find(({ id }) => id === eniId)?.groups
    : undefined;
  const isChanged = made !== undefined && made.length > 0 && made.toSorted().join() !== has.toSorted().join();
  const why = isChanged
    ? `; it was made with ${listed(made)}, so somebody has changed it in EC2`
    : "; a policy that selected it may be gone, or its labels may have changed";
  return [
    {
      code: "other-groups",
      line: `its branch ${eniId} has other groups than its policies say: ${differs}${why}`,
      todo: restart(pod, "gets the groups of its policies"),
    },
  ];
};
