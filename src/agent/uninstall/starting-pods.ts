import { fieldsOf, itemsOf } from "../../kubernetes/fields.ts";
import { PODS, type Pod } from "../../kubernetes/objects.ts";
import type { Resource } from "../../kubernetes/resource.ts";

export interface StartingPod extends Pod {
  /** Its network stands; kubelet says so since Kubernetes 1.29. */
  readonly hasSandbox: boolean;
}

/** Pods of which it matters whether their network stands. */
export const STARTING_PODS: Resource<StartingPod> = {
  ...PODS,
  read(object) {
    const conditions = itemsOf(fieldsOf(fieldsOf(object)["status"])["conditions"]).map(fieldsOf);
    const hasSandbox = conditions.some(
      ({ type, status }) => type === "PodReadyToStartContainers" && status === "True",
    );
    return { ...PODS.read(object), hasSandbox };
  },
};

/** Whether the pod's ADD is still to come, and would be without us. Its phase is Pending. */
export function needsUs({ asksForBranch, usesHostNetwork, hasSandbox, metadata }: StartingPod): boolean {
  return asksForBranch && !usesHostNetwork && !hasSandbox && metadata.deletionTimestamp === undefined;
}
