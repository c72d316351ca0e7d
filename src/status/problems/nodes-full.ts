import { type FindProblems, nodeProblem } from "./view.ts";

/** Nodes without a free slot: the next pod that asks for a branch waits, or goes elsewhere. */
export const nodesFull: FindProblems = ({ nodes }) =>
  nodes.flatMap((node) => {
    const { total, free, cooling } = node.status.slots;
    if (total === undefined || total === 0 || free !== 0) return [];
    const cools = cooling === undefined || cooling === 0 ? "" : `, ${cooling} of them by no pod that lives`;
    const message = `all ${total} slots of its trunk are taken${cools}`;
    return [nodeProblem(node, { severity: "warning", kind: "NodeFull", message })];
  });
