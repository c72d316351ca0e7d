import type { Labels } from "./label-selector.ts";

/** EKS sets it on pods that it runs on Fargate. */
export const FARGATE_LABEL = "eks.amazonaws.com/fargate-profile";

/** Of the names of Fargate's nodes, one for each pod. */
const NODE_PREFIX = "fargate-";

/**
 * Whether the pod runs on Fargate, where AWS gives a pod's own interface the groups of its policies and no plugin of ours is.
 * Anybody can set the label; where a pod runs is the scheduler's to say.
 */
export function isOnFargate({ node, labels }: { readonly node: string; readonly labels: Labels }): boolean {
  return node.startsWith(NODE_PREFIX) && labels[FARGATE_LABEL] !== undefined;
}
