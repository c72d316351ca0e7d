import { AnnotationError, POD_ENI_ANNOTATION, decodeIdentity } from "../ipam/annotation.ts";
import { POD_ENI, type Pod, type SecurityGroupPolicyObject } from "../kubernetes/objects.ts";
import { groupsOfPod } from "../policy/groups-of-pod.ts";

/** Pods of this node that run without the branch that they should have. Pure. */

export interface Escaped {
  readonly pod: Pod;
  /** One line: why it should have a branch. */
  readonly why: string;
}

export interface SweepFacts {
  readonly pods: Iterable<Pod>;
  readonly policies: Iterable<SecurityGroupPolicyObject>;
  /** UIDs of the pods of our records. */
  readonly attached: ReadonlySet<string>;
  /** VLAN ids of devices that aws-cni, or the routed datapath, has on the node. */
  readonly vlanIds: ReadonlySet<number>;
}

/**
 * Only pods that run: of others, ADD may be under way. A policy counts if it is not younger than the pod; one that matches
 * ServiceAccounts is not looked at, since their labels may have changed since.
 */
export function findEscaped({ pods, policies, attached, vlanIds }: SweepFacts): Escaped[] {
  const all = [...policies];
  return [...pods].flatMap((pod) => {
    const { metadata, phase, usesHostNetwork } = pod;
    if (phase !== "Running" || usesHostNetwork || attached.has(metadata.uid)) return [];
    const annotation = metadata.annotations[POD_ENI_ANNOTATION];
    if (annotation !== undefined && vlanIds.has(vlanIdOf(annotation) ?? 0)) return [];
    const why = reasonFor(pod, all);
    return why === undefined ? [] : [{ pod, why }];
  });
}

function reasonFor(pod: Pod, policies: readonly SecurityGroupPolicyObject[]): string | undefined {
  const { metadata } = pod;
  if (metadata.annotations[POD_ENI_ANNOTATION] !== undefined)
    return `it has the annotation ${POD_ENI_ANNOTATION}`;
  if (pod.asksForBranch) return `it has a limit of ${POD_ENI}`;
  const older = policies
    // Both to the second, in the same form.
    .filter((policy) => policy.metadata.creationTimestamp <= metadata.creationTimestamp)
    .map(({ policy }) => policy)
    .filter(({ serviceAccountSelector }) => serviceAccountSelector === undefined);
  const { namespace, labels } = metadata;
  const { selecting } = groupsOfPod(
    older,
    { namespace, labels, serviceAccount: pod.serviceAccount },
    undefined,
  );
  return selecting.length === 0 ? undefined : `SecurityGroupPolicy ${selecting.join(", ")} selects it`;
}

function vlanIdOf(annotation: string): number | undefined {
  try {
    return decodeIdentity(annotation).vlanId;
  } catch (error) {
    if (error instanceof AnnotationError) return undefined;
    throw error;
  }
}
