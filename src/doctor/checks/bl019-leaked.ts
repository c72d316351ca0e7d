import { counted, defineCheck, ok, share, skipped, warning } from "../check.ts";
import { isAlive } from "../nodes.ts";

/** What is younger may be on its way to a pod; EC2 does not say how old the others are. */
const YOUNG_MS = 5 * 60_000;

export const leaked = defineCheck({
  code: "BL019",
  title: "No branch is left over in EC2",
  why: "A branch that nobody uses still takes an address and one of the trunk's VLAN ids. As long as it is there, its security groups, its subnet and the VPC cannot be deleted.",
  todo: "The controller deletes what it has made, within some ten minutes. What stays: branchline cleanup --cluster NAME shows and deletes it (docs/cleanup.md).",
  place: "cluster",
  needs: ["pods", "cniNodes", "interfaces", "now"],
  judge({ pods, cniNodes, interfaces, now }) {
    const made = interfaces.filter(({ isOfController, type }) => isOfController && type !== "trunk");
    if (made.length === 0) return skipped("EC2 shows no branches of this cluster");
    const used = new Set([
      ...pods.flatMap((pod) => (typeof pod.branch === "object" && isAlive(pod) ? [pod.branch.eni] : [])),
      ...cniNodes.flatMap(({ branches }) => branches.map(({ eni }) => eni)),
    ]);
    const left = made.filter(
      ({ id, createdAt }) => !used.has(id) && (createdAt === undefined || now - createdAt > YOUNG_MS),
    );
    if (left.length === 0) return ok(`${counted(made.length, "branch")}, each of a pod or a trunk's`);
    return warning(
      `${share(left, made, "branch")} belonging to no pod and no trunk`,
      left.map(
        ({ id, status, subnet, trunk, groups }) =>
          `${id}: ${status}${trunk === undefined ? "" : ` on ${trunk}`}, in ${subnet}, with ${groups.join(", ")}`,
      ),
    );
  },
});
