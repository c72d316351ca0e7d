import { counted, defineCheck, ok, problem, skipped, warning } from "../check.ts";

/** Fewer are soon used up: a node has up to 120 branches, and a deleted branch's address cools with it. */
const FEW = 16;

export const freeAddresses = defineCheck({
  code: "BL018",
  title: "Branch subnets have free addresses",
  why: "Each branch takes an address of its subnet. When there is none left, EC2 makes no branch, and pods wait.",
  todo: "Use larger subnets for the nodes, or let aws-node keep fewer warm addresses (WARM_IP_TARGET). BL019 finds branches that nobody uses.",
  place: "cluster",
  needs: ["subnets"],
  judge({ subnets }) {
    if (subnets.length === 0) return skipped("no subnet has branches");
    const few = subnets.filter(({ freeAddresses: free }) => free < FEW);
    const items = few.map(({ id, cidr, freeAddresses: free }) => `subnet ${id} (${cidr}): ${free} free`);
    if (few.some(({ freeAddresses: free }) => free === 0))
      return problem(`a subnet with branches has no free address`, items);
    if (few.length > 0) return warning(`nearly full: ${counted(few.length, "subnet")} with branches`, items);
    const least = subnets.reduce(
      (so, { freeAddresses: free }) => Math.min(so, free),
      Number.POSITIVE_INFINITY,
    );
    return ok(`${counted(subnets.length, "subnet")} with branches, the fullest with ${least} free addresses`);
  },
});
