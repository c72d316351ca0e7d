import type { Finder, Problem } from "../situation.ts";
import { listed } from "./words.ts";

/** Groups of policies that EC2 does not have, or that are of another VPC than the pod's node. */
export const describedGroups: Finder = ({ facts: { pod }, selected, ec2 }) => {
  if (!selected.known || !ec2.groups.known || pod.usesHostNetwork) return [];
  if (!pod.asksForBranch && pod.branch === undefined) return [];
  const vpc = ec2.instance.known ? ec2.instance.value?.vpc : undefined;
  const known = new Map(ec2.groups.value.map((group) => [group.id, group]));
  return selected.value.groups.flatMap((id): readonly Problem[] => {
    const group = known.get(id);
    const policies = selected.value.findings
      .filter(
        ({ selection, policy }) =>
          selection !== "no" && selection !== "elsewhere" && policy.policy.groups.includes(id),
      )
      .map(({ policy }) => `${policy.policy.namespace}/${policy.policy.name}`);
    const said = `group ${id}, which SecurityGroupPolicy ${listed(policies)} names,`;
    if (group === undefined)
      return [
        {
          code: "group-missing",
          line: `${said} does not exist`,
          todo: `name another group in the policy; a deleted group does not come back under its id`,
        },
      ];
    if (vpc === undefined || group.vpc === vpc) return [];
    return [
      {
        code: "group-missing",
        line: `${said} is of ${group.vpc}, and the pod's node of ${vpc}`,
        todo: "name a group of the nodes' VPC in the policy",
      } as const,
    ];
  });
};
