import type { LabelSelector } from "./label-selector.ts";

/** A SecurityGroupPolicy (vpcresources.k8s.aws/v1beta1), as far as it decides the groups of a pod. */
export interface SecurityGroupPolicy {
  readonly namespace: string;
  readonly name: string;
  /** Absent and null are the same: the pods' labels do not matter. */
  readonly podSelector?: LabelSelector;
  /** Matched against the labels of the pod's ServiceAccount. */
  readonly serviceAccountSelector?: LabelSelector;
  /** spec.securityGroups.groupIds, as written. */
  readonly groups: readonly string[];
}

/** What of a pod policies look at. */
export interface SelectedPod {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
}

/** For messages: NAMESPACE/NAME. */
export function policyName({ namespace, name }: Pick<SecurityGroupPolicy, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}
