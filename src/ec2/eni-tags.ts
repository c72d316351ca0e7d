import type { Tags } from "./types.ts";

/**
 * The tags by which the trunks and branches of a cluster are found: those that AWS's controller gives them, and ours too.
 */

export const OWNER_TAG = "eks:eni:owner";
/** aws-cni's own interfaces have another. */
export const OWNER = "eks-vpc-resource-controller";
export const INSTANCE_TAG = "node.k8s.amazonaws.com/instance_id";
export const TRUNK_TAG = "vpcresources.k8s.aws/trunk-eni-id";
export const VLAN_TAG = "vpcresources.k8s.aws/vlan-id";
/** Of some versions; RFC 3339. EC2 itself does not say when an interface was made. */
const CREATED_TAG = "node.k8s.amazonaws.com/createdAt";

export function clusterTag(cluster: string): string {
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

export function vlanOfTags(tags: Tags): number | undefined {
  const vlan = Number(tags[VLAN_TAG] ?? "");
  return Number.isInteger(vlan) && vlan > 0 && vlan < 4095 ? vlan : undefined;
}
