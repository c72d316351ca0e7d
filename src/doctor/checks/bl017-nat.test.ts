import { table } from "../../../test/unit/doctor.ts";
import { nat } from "./bl017-nat.ts";

const SUBNET = { id: "subnet-a", cidr: "10.0.0.0/24", freeAddresses: 200 };

table(nat, {
  "by a NAT gateway": {
    given: { subnets: [SUBNET], routes: [{ subnet: "subnet-a", routeTable: "rtb-a", target: "nat-1" }] },
    result: "ok",
    found: "1 subnet with branches, each with a way out",
  },
  "a public subnet": {
    given: { subnets: [SUBNET], routes: [{ subnet: "subnet-a", routeTable: "rtb-a", target: "igw-1" }] },
    result: "warning",
    found: "no way out of the VPC for branches in 1 subnet",
    items: ["subnet subnet-a (10.0.0.0/24): 0.0.0.0/0 of rtb-a is igw-1, which needs public addresses"],
  },
  "no route": {
    given: { subnets: [SUBNET], routes: [{ subnet: "subnet-a", routeTable: "rtb-a", target: undefined }] },
    result: "warning",
    found: "no way out of the VPC for branches in 1 subnet",
    items: ["subnet subnet-a (10.0.0.0/24): rtb-a has no route to 0.0.0.0/0"],
  },
});
