import { table } from "../../../test/unit/doctor.ts";
import { freeAddresses } from "./bl018-free-addresses.ts";

table(freeAddresses, {
  enough: {
    given: { subnets: [{ id: "subnet-a", cidr: "10.0.0.0/24", freeAddresses: 200 }] },
    result: "ok",
    found: "1 subnet with branches, the fullest with 200 free addresses",
  },
  "nearly full": {
    given: { subnets: [{ id: "subnet-a", cidr: "10.0.0.0/24", freeAddresses: 15 }] },
    result: "warning",
    found: "nearly full: 1 subnet with branches",
    items: ["subnet subnet-a (10.0.0.0/24): 15 free"],
  },
  full: {
    given: { subnets: [{ id: "subnet-a", cidr: "10.0.0.0/24", freeAddresses: 0 }] },
    result: "problem",
    found: "a subnet with branches has no free address",
    items: ["subnet subnet-a (10.0.0.0/24): 0 free"],
  },
});
