import { counted, defineCheck, ok, problem, share, skipped } from "../check.ts";
import type { CniNodeFact, InterfaceFact, NodeFact } from "../facts.ts";
import { branchesOf } from "../instance-type.ts";
import { asksForTrunk, isNodeOfOurs } from "../nodes.ts";

export const trunk = defineCheck({
  code: "BL004",
  title: "Nodes that ask for a trunk have one",
  why: "Branches are made on a node's trunk. Pods that ask for a branch are not scheduled to a node without one, or wait there for nothing.",
  todo: "The lines above say why for each node, if the controller has said so. If they do not: the controller's log, or on EKS whether the cluster's IAM role has the policy AmazonEKSVPCResourceController.",
  place: "cluster",
  needs: ["nodes", "cniNodes"],
  uses: ["interfaces", "typeOverrides"],
  judge({ nodes, cniNodes, interfaces, typeOverrides = {} }) {
    const byName = new Map(cniNodes.map((one) => [one.name, one]));
    const asking = nodes.flatMap((node) => {
      const its = byName.get(node.name);
      // Types without trunks are BL001's.
      const can = branchesOf(node.instanceType, typeOverrides) !== 0;
      return isNodeOfOurs(node) && can && its !== undefined && asksForTrunk(its) ? [{ node, its }] : [];
    });
    if (asking.length === 0) return skipped("no node asks for a trunk");
    const without = asking.flatMap(({ node, its }) => {
      const why = whyNone(node, its, interfaces);
      return why === undefined ? [] : [`node ${node.name}: ${why}`];
    });
    if (without.length === 0) return ok(`${counted(asking.length, "node")} with a trunk`);
    return problem(`${share(without, asking, "node")} without the trunk that was asked for`, without);
  },
});

function whyNone(
  { instance, allocatable }: NodeFact,
  { trunk: id, trunkProblem }: CniNodeFact,
  interfaces: readonly InterfaceFact[] | undefined,
): string | undefined {
  if (trunkProblem !== undefined) return `${trunkProblem.reason}: ${trunkProblem.message}`;
  if (id !== undefined && interfaces !== undefined) {
    const its = interfaces.find((eni) => eni.id === id);
    if (its === undefined) return `EC2 does not show its trunk ${id}`;
    if (its.instance !== instance)
      return `its trunk ${id} is ${its.instance === undefined ? "attached to nothing" : `attached to ${its.instance}`}, not to ${instance ?? "it"}`;
  }
  if (allocatable === undefined || allocatable === 0)
    return id === undefined
      ? "its CNINode names no trunk, and it offers no vpc.amazonaws.com/pod-eni"
      : `it has the trunk ${id}, but offers no vpc.amazonaws.com/pod-eni`;
  return undefined;
}
