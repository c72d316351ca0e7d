import { type FindProblems, nodeProblem } from "./view.ts";

/** Nodes without a ready agent: no pod starts there, or pods start with the node's groups. */
export const agentsNotReady: FindProblems = ({ nodes }) =>
  nodes.flatMap((node) => {
    const { agent } = node.status;
    if (agent !== "missing" && agent !== "not-ready") return [];
    const message = agent === "missing" ? "it has no agent" : "its agent is not ready";
    return [nodeProblem(node, { severity: "problem", kind: "AgentNotReady", message })];
  });
