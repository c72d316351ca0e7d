import { counted, defineCheck, ok, share, skipped, warning } from "../check.ts";
import { isNodeOfOurs } from "../nodes.ts";
import { branchesOf } from "../instance-type.ts";

export const instanceType = defineCheck({
  code: "BL001",
  title: "Instance types of the nodes have trunks",
  why: "A node whose instance type has no trunk gives no pod a branch. Pods that ask for one are never scheduled there.",
  todo: "Use instance types with trunks (not t2, t3, t3a, t4g). A type that is not known here, or that EC2 has changed, may be told: in the ConfigMap kube-system/branchline-instance-types, by its interfaces and branches (docs/controller.md).",
  place: "cluster",
  needs: ["nodes"],
  uses: ["typeOverrides"],
  judge({ nodes, typeOverrides = {} }) {
    const ours = nodes.filter(isNodeOfOurs);
    if (ours.length === 0) return skipped("no node is a Linux instance of EC2");
    const without = ours.flatMap((node) => {
      const { name, instanceType: type } = node;
      if (type === "") return [`node ${name}: it has no label node.kubernetes.io/instance-type`];
      const branches = branchesOf(type, typeOverrides);
      if (branches === undefined) return [`node ${name}: the type ${type} is not known`];
      return branches === 0 ? [`node ${name}: the type ${type} has no trunk`] : [];
    });
    if (without.length === 0) return ok(`${counted(ours.length, "node")}, all of types with trunks`);
    return warning(`${share(without, ours, "node")} without branches`, without);
  },
});
