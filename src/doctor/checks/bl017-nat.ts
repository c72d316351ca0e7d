import { counted, defineCheck, ok, skipped, warning } from "../check.ts";

export const nat = defineCheck({
  code: "BL017",
  title: "Branch subnets have a way out of the VPC",
  why: "A branch has no public address, and the node does not lend its own to what a direct or strict pod sends. So such a pod reaches the internet only by a NAT gateway or the like, even where the node itself needs none.",
  todo: "Give the subnet's route table 0.0.0.0/0 to a NAT gateway, or put the nodes into private subnets. If pods need nothing beyond the VPC, nothing is to be done.",
  place: "cluster",
  needs: ["routes", "subnets"],
  judge({ routes, subnets }) {
    if (subnets.length === 0) return skipped("no subnet has branches");
    const closed = subnets.flatMap(({ id, cidr }) => {
      const its = routes.find(({ subnet }) => subnet === id);
      if (its === undefined) return [`subnet ${id} (${cidr}): no route table is known for it`];
      if (its.target === undefined)
        return [`subnet ${id} (${cidr}): ${its.routeTable} has no route to 0.0.0.0/0`];
      return its.target.startsWith("igw-")
        ? [
            `subnet ${id} (${cidr}): 0.0.0.0/0 of ${its.routeTable} is ${its.target}, which needs public addresses`,
          ]
        : [];
    });
    if (closed.length === 0)
      return ok(`${counted(subnets.length, "subnet")} with branches, each with a way out`);
    return warning(`no way out of the VPC for branches in ${counted(closed.length, "subnet")}`, closed);
  },
});
