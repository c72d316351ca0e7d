import { table } from "../../../test/unit/doctor.ts";
import { awsNodeHere } from "./bl037-aws-node-here.ts";

table(awsNodeHere, {
  "as needed": {
    given: { awsNode: { MAX_ENI: "2" } },
    result: "ok",
    found: "ENABLE_POD_ENI is off, MAX_ENI is 2",
  },
  on: {
    given: { awsNode: { ENABLE_POD_ENI: "true" } },
    result: "warning",
    found: "aws-node is set otherwise",
    items: ["ENABLE_POD_ENI is true: aws-cni attaches branches itself"],
  },
  "no slot": {
    given: { awsNode: {} },
    result: "warning",
    found: "aws-node is set otherwise",
    items: ["MAX_ENI is not set: no slot is kept for the trunk"],
  },
});
