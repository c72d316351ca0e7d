import { aPolicy, table } from "../../../test/unit/doctor.ts";
import { groupsExist } from "./bl010-groups-exist.ts";

table(groupsExist, {
  "they exist": {
    given: { policies: [aPolicy("web")], groups: [{ id: "sg-web", name: "web", vpc: "vpc-a" }] },
    result: "ok",
    found: "1 group, all in one VPC",
  },
  "one was deleted": {
    given: {
      policies: [aPolicy("web", { groups: ["sg-web", "sg-gone"] })],
      groups: [{ id: "sg-web", name: "web", vpc: "vpc-a" }],
    },
    result: "problem",
    found: "1 defect in the groups of policies",
    items: ["SecurityGroupPolicy shop/web: EC2 has no group sg-gone"],
  },
  "of two VPCs": {
    given: {
      policies: [aPolicy("web", { groups: ["sg-web", "sg-db"] })],
      groups: [
        { id: "sg-web", name: "web", vpc: "vpc-a" },
        { id: "sg-db", name: "db", vpc: "vpc-b" },
      ],
    },
    result: "problem",
    found: "1 defect in the groups of policies",
    items: ["the groups are of several VPCs: sg-web of vpc-a, sg-db of vpc-b"],
  },
});
