import { defineCheck, ok, skipped, warning } from "../check.ts";

export const awsNodeHere = defineCheck({
  code: "BL037",
  title: "aws-node on this node is set as branchline needs it",
  why: "With ENABLE_POD_ENI aws-node attaches branches itself. Without MAX_ENI it may take the last interface of the instance, which the trunk needs.",
  todo: "Switch ENABLE_POD_ENI off, and set MAX_ENI to one less than the instance type has interfaces: in aws-node's DaemonSet, or in the configuration of EKS's add-on, which would undo it otherwise (docs/install.md).",
  place: "node",
  needs: ["awsNode"],
  judge({ awsNode }) {
    if (awsNode === undefined) return skipped("ipamd does not run here, or its processes cannot be seen");
    const isOn = awsNode["ENABLE_POD_ENI"] === "true";
    const max = awsNode["MAX_ENI"];
    const defects = [
      ...(isOn ? ["ENABLE_POD_ENI is true: aws-cni attaches branches itself"] : []),
      ...(!isOn && max === undefined ? ["MAX_ENI is not set: no slot is kept for the trunk"] : []),
    ];
    if (defects.length === 0) return ok(`ENABLE_POD_ENI is off, MAX_ENI is ${max}`);
    return warning("aws-node is set otherwise", defects);
  },
});
