import { createHash } from "node:crypto";
import type { PodName } from "./facts.ts";

/** Tags, descriptions and tokens of what we make: AWS's controller's, so that its tools and ours find each other's. */

export const TRUNK_DESCRIPTION = "aws-k8s-trunk-eni";
export const BRANCH_DESCRIPTION = "aws-k8s-branch-eni";

const OWNER = { "eks:eni:owner": "eks-vpc-resource-controller" } as const;
export const INSTANCE_TAG = "node.k8s.amazonaws.com/instance_id";
export const TRUNK_TAG = "vpcresources.k8s.aws/trunk-eni-id";
export const VLAN_TAG = "vpcresources.k8s.aws/vlan-id";
/** Ours: whose branch it was made for. */
const POD_TAG = "branchline.dev/pod";
const POD_UID_TAG = "branchline.dev/pod-uid";

export function clusterTag(cluster: string): string {
  return `kubernetes.io/cluster/${cluster}`;
}

export function trunkTags(cluster: string, instance: string, more: Readonly<Record<string, string>>) {
  return { ...more, ...OWNER, [clusterTag(cluster)]: "owned", [INSTANCE_TAG]: instance };
}

export function branchTags(
  cluster: string,
  { instance, trunk, vlan, pod }: { instance: string; trunk: string; vlan: number; pod: PodName },
  more: Readonly<Record<string, string>>,
) {
  return {
    ...trunkTags(cluster, instance, more),
    [TRUNK_TAG]: trunk,
    [VLAN_TAG]: String(vlan),
    [POD_TAG]: `${pod.namespace}/${pod.name}`,
    [POD_UID_TAG]: pod.uid,
  };
}

/** Whose branch it was made for, as its tags say; undefined without them, as of AWS's controller. */
export function podOfTags(tags: Readonly<Record<string, string>>): PodName | undefined {
  const [namespace, name] = (tags[POD_TAG] ?? "").split("/");
  const uid = tags[POD_UID_TAG];
  if (namespace === undefined || name === undefined || name === "" || uid === undefined) return undefined;
  return { namespace, name, uid };
}

export function vlanOfTags(tags: Readonly<Record<string, string>>): number | undefined {
  const vlan = Number(tags[VLAN_TAG] ?? "");
  return Number.isInteger(vlan) && vlan > 0 && vlan < 4095 ? vlan : undefined;
}

/**
 * A ClientToken, of 43 ASCII characters: the same for the same parts, also after a restart, and for nothing else.
 */
export function tokenOf(...parts: readonly (string | number)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}
