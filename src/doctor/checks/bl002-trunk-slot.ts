import { defineCheck, ok, problem, share, skipped, warning } from "../check.ts";
import { branchesOf, interfacesOf } from "../instance-type.ts";
import { isNodeOfOurs } from "../nodes.ts";

export const trunkSlot = defineCheck({
  code: "BL002",
  title: "An interface of each instance is left for the trunk",
  why: "The trunk is one of the network interfaces that an instance may have, and aws-node attaches more of them as pods come. Unless it is told to leave one out, a node that runs many pods has none left, and gets no trunk and no branches.",
  todo: "Set MAX_ENI of aws-node to one less than the instance type has interfaces (with several types: than the smallest has), such as kubectl set env daemonset/aws-node -n kube-system -c aws-node MAX_ENI=3. With EKS's add-on set it in the add-on's configuration. Then replace the nodes that are full.",
  place: "cluster",
  needs: ["nodes", "daemonSets"],
  uses: ["typeOverrides", "interfaces"],
  judge({ nodes, daemonSets, typeOverrides = {}, interfaces }) {
    const awsNode = daemonSets.find(({ name }) => name === "aws-node");
    const able = nodes.filter(isNodeOfOurs).filter((node) => branchesOf(node.instanceType, typeOverrides));
    const full = able.flatMap(({ name, instance, instanceType }) => {
      const attached = interfaces?.filter((eni) => eni.instance === instance) ?? [];
      const most = interfacesOf(instanceType, typeOverrides) ?? Number.POSITIVE_INFINITY;
      if (attached.length < most || attached.some(({ type }) => type === "trunk")) return [];
      return [
        `node ${name}: all ${most} interfaces of its type ${instanceType} are attached, and none is a trunk`,
      ];
    });
    if (full.length > 0) return problem(`${share(full, able, "node")} without a slot for a trunk`, full);
    if (awsNode === undefined) return skipped("there is no DaemonSet aws-node");
    if (awsNode.env["ENABLE_POD_ENI"] === "true")
      return ok("aws-node keeps a slot for the trunk (ENABLE_POD_ENI)");
    // What is not set, or no number, limits nothing.
    const limit = Number(awsNode.env["MAX_ENI"] ?? "-1");
    const set = awsNode.env["MAX_ENI"] === undefined ? "is not set" : `is ${awsNode.env["MAX_ENI"]}`;
    const types = [...new Set(able.map(({ instanceType }) => instanceType))].sort();
    const tight = types.flatMap((type) => {
      const most = interfacesOf(type, typeOverrides) ?? 0;
      return limit > 0 && limit < most ? [] : [`${type} has ${most} interfaces, and MAX_ENI ${set}`];
    });
    if (tight.length === 0) return ok(`MAX_ENI of aws-node ${set}: less than any type of the nodes has`);
    return warning(`aws-node may attach interfaces until none is left for the trunk`, tight);
  },
});
