import { counted, defineCheck, ok, problem, skipped } from "../check.ts";

export const groupsExist = defineCheck({
  code: "BL010",
  title: "The security groups that policies name exist",
  why: "EC2 refuses a branch with a group that is not there, or is of another VPC. Pods that such a policy selects do not start.",
  todo: "Correct the group in the policy, or create it in the VPC of the nodes. A deleted group does not come back under its id.",
  place: "cluster",
  needs: ["policies", "groups"],
  judge({ policies, groups }) {
    const named = new Set(policies.flatMap((policy) => policy.groups));
    if (named.size === 0) return skipped("no SecurityGroupPolicy names a group");
    const byId = new Map(groups.map((group) => [group.id, group]));
    const vpcs = new Set(groups.map(({ vpc }) => vpc));
    const wrong = policies.flatMap(({ namespace, name, groups: ids }) =>
      ids
        .filter((id) => !byId.has(id))
        .map((id) => `SecurityGroupPolicy ${namespace}/${name}: EC2 has no group ${id}`),
    );
    // One pod may be selected by several policies: all groups have to be of one VPC.
    const mixed =
      vpcs.size > 1
        ? [`the groups are of several VPCs: ${groups.map(({ id, vpc }) => `${id} of ${vpc}`).join(", ")}`]
        : [];
    if (wrong.length + mixed.length === 0) return ok(`${counted(named.size, "group")}, all in one VPC`);
    return problem(`${counted(wrong.length + mixed.length, "defect")} in the groups of policies`, [
      ...wrong,
      ...mixed,
    ]);
  },
});
