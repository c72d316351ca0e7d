/** What comes to a node, one after the other. */
export const COMPONENTS = ["API server", "kubelet", "aws-node", "agent", "trunk", "policy", "pod"] as const;
export type Component = (typeof COMPONENTS)[number];

/** So many orders of the 5,040 are tried for real. */
const ORDERS = 12;

/** Rotations of the usual order and of its reverse: each component is the first of one, and the last of one. */
export function startOrders(): readonly (readonly Component[])[] {
  const rotations = (order: readonly Component[]) =>
    order.map((_, index) => [...order.slice(index), ...order.slice(0, index)]);
  return [...rotations(COMPONENTS), ...rotations(COMPONENTS.toReversed())].slice(0, ORDERS);
}
