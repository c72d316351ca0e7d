import { createHash } from "node:crypto";
import { INSTANCE_TAG, OWNER, OWNER_TAG, TRUNK_TAG, VLAN_TAG, clusterTag } from "../ec2/eni-tags.ts";
import type { Tags } from "../ec2/types.ts";
import type { PodName } from "./facts.ts";

/** Tags, descriptions and tokens of what we make: AWS's controller's, so that its tools and ours find each other's. */

export const TRUNK_DESCRIPTION = "aws-k8s-trunk-eni";
export const BRANCH_DESCRIPTION = "aws-k8s-branch-eni";

/** Ours: whose branch it was made for. */
const POD_TAG = "branchline.dev/pod";
const POD_UID_TAG = "branchline.dev/pod-uid";

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

/**
 * A ClientToken, of 43 ASCII characters: the same for the same parts, also after a restart, and for nothing else.
 */
export function tokenOf(...parts: readonly (string | number)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}
