import { createHash } from "node:crypto";
import type { Tags } from "../ec2/types.ts";
import type { PodName } from "./facts.ts";

/** Tags, descriptions and tokens of what we make: AWS's controller's, so that its tools and ours find each other's. */

export const TRUNK_DESCRIPTION = "aws-k8s-trunk-eni";
export const BRANCH_DESCRIPTION = "aws-k8s-branch-eni";

const OWNER_TAG = "eks:eni:owner";
/** aws-cni's own interfaces have another. */
const OWNER = "eks-vpc-resource-controller";
const INSTANCE_TAG = "node.k8s.amazonaws.com/instance_id";
const TRUNK_TAG = "vpcresources.k8s.aws/trunk-eni-id";
const VLAN_TAG = "vpcresources.k8s.aws/vlan-id";
/** Of some versions; RFC 3339. EC2 itself does not say when an interface was made. */
const CREATED_TAG = "node.k8s.amazonaws.com/createdAt";
/** Ours: whose branch it was made for. */
const POD_TAG = "branchline.dev/pod";
const POD_UID_TAG = "branchline.dev/pod-uid";

function clusterTag(cluster: string): string {
  return `kubernetes.io/cluster/${cluster}`;
}

/** Filters of a description for the trunks and branches of a cluster. */
export function clusterFilters(cluster: string): Readonly<Record<string, readonly string[]>> {
  return { [`tag:${clusterTag(cluster)}`]: ["owned"], [`tag:${OWNER_TAG}`]: [OWNER] };
}

/** The same of tags, without wildcards. */
export function isOfCluster(tags: Tags, cluster: string): boolean {
  return tags[clusterTag(cluster)] === "owned" && tags[OWNER_TAG] === OWNER;
}

export function instanceOf(tags: Tags): string | undefined {
  return tags[INSTANCE_TAG];
}

export function trunkOf(tags: Tags): string | undefined {
  return tags[TRUNK_TAG];
}

/** Milliseconds since 1970. */
export function createdAt(tags: Tags): number | undefined {
  const at = Date.parse(tags[CREATED_TAG] ?? "");
  return Number.isNaN(at) ? undefined : at;
}

export function trunkTags(cluster: string, instance: string, more: Tags) {
  return { ...more, [OWNER_TAG]: OWNER, [clusterTag(cluster)]: "owned", [INSTANCE_TAG]: instance };
}

export function branchTags(
  cluster: string,
  { instance, trunk, vlan, pod }: { instance: string; trunk: string; vlan: number; pod: PodName },
  more: Tags,
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
export function podOfTags(tags: Tags): PodName | undefined {
  const [, namespace, name] = /^([a-z0-9][a-z0-9-]*)\/([a-z0-9][a-z0-9.-]*)$/.exec(tags[POD_TAG] ?? "") ?? [];
  const uid = tags[POD_UID_TAG] ?? "";
  // Somebody may have changed them: a pod that cannot be is not there, and that is no reason to release its branch.
  return namespace === undefined || name === undefined || uid === "" ? undefined : { namespace, name, uid };
}

export function vlanOfTags(tags: Tags): number | undefined {
  const vlan = Number(tags[VLAN_TAG] ?? "");
  return Number.isInteger(vlan) && vlan > 0 && vlan < 4095 ? vlan : undefined;
}

/**
 * A ClientToken, of 43 ASCII characters: the same for the same parts, also after a restart, and for nothing else.
 */
export function tokenOf(...parts: readonly (string | number)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}
