import { asksForTrunk } from "../cni-node.ts";
import type { SeenNode } from "../nodes.ts";
import { type FindProblems, nodeProblem } from "./view.ts";

/** Nodes that should have a trunk. Those whose type can have none are not among them. */
export const nodesWithoutTrunk: FindProblems = ({ nodes }) =>
  nodes.flatMap((node) => {
    const message = whyNone(node);
    return message === undefined
      ? []
      : [nodeProblem(node, { severity: "problem", kind: "NodeWithoutTrunk", message })];
  });

function whyNone({ fact, cniNode, status }: SeenNode): string | undefined {
  const { agent, slots, trunk } = status;
  if (slots.total === 0 || cniNode === undefined) return undefined;
  if (!asksForTrunk(cniNode)) {
    return agent === "ready"
      ? "its agent is ready, and its CNINode lacks the feature SecurityGroupsForPods"
      : undefined;
  }
  const ready = cniNode.conditions.find(({ type }) => type === "TrunkReady");
  if (ready !== undefined && ready.status !== "True") return `${ready.reason}: ${ready.message}`;
  if (fact.allocatable !== undefined && fact.allocatable > 0) return undefined;
  // Full ones have none to offer either, by our controller's count.
  if (trunk !== undefined && fact.capacity !== undefined) return undefined;
  const has = trunk === undefined ? "its CNINode names no trunk, and it" : `it has the trunk ${trunk}, but`;
  return `${has} offers no vpc.amazonaws.com/pod-eni`;
}
