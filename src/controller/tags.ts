import { createHash } from "node:crypto";
import { INSTANCE_TAG, OWNER, OWNER_TAG, TRUNK_TAG, VLAN_TAG, clusterTag } from "../ec2/eni-tags.ts";
import type { Tags } from "../ec2/types.ts";
import type { PodName } from "./facts.ts";
import type { Home } from "./ledger.ts";

/** Tags, descriptions and tokens of what we make: AWS's controller's, so that its tools and ours find each other's. */

export const TRUNK_DESCRIPTION = "aws-k8s-trunk-eni";
export const BRANCH_DESCRIPTION = "aws-k8s-branch-eni";

/** Ours: whose branch it was made for. */
const POD_TAG = "branchline.dev/pod";
/** What of it is too long for EC2. */
const POD_REST_TAG = "branchline.dev/pod-rest";
/** Characters of a tag's value in EC2. Names of a namespace and a pod have up to 63 and 253. */
const MAX_VALUE = 256;
const POD_UID_TAG = "branchline.dev/pod-uid";
/** The namespace that a branch was made ahead for. */
const WARM_TAG = "branchline.dev/warm-for";
/** A digest of the groups that it was made with, or `any`: pods of several sets of groups may have had it. */
const GROUPS_TAG = "branchline.dev/groups";
const ANY = "any";
/** Its groups were changed under a living pod. To be written before they are. */
export const CHANGED_TAG = "branchline.dev/groups-changed";

export function trunkTags(cluster: string, instance: string, more: Tags) {
  return { ...more, [OWNER_TAG]: OWNER, [clusterTag(cluster)]: "owned", [INSTANCE_TAG]: instance };
}

/** `owner`: the pod that it is made for, or the namespace for whose next pod it is made ahead. */
export function branchTags(
  cluster: string,
  {
    instance,
    trunk,
    vlan,
    owner,
    groups,
    isOpen,
  }: {
    readonly instance: string;
    readonly trunk: string;
    readonly vlan: number;
    readonly owner: PodName | string;
    readonly groups: readonly string[];
    readonly isOpen: boolean;
  },
  more: Tags,
): Tags {
  // What the tags say of pods is ours alone to say.
  const others = Object.entries(more).filter(([key]) => !key.startsWith("branchline.dev/"));
  return {
    ...trunkTags(cluster, instance, Object.fromEntries(others)),
    [TRUNK_TAG]: trunk,
    [VLAN_TAG]: String(vlan),
    [GROUPS_TAG]: isOpen ? ANY : digestOf(groups),
    ...(typeof owner === "string" ? { [WARM_TAG]: owner } : podTags(owner)),
  };
}

function podTags({ namespace, name, uid }: PodName): Tags {
  const whole = `${namespace}/${name}`;
  const rest = whole.slice(MAX_VALUE);
  return {
    [POD_TAG]: whole.slice(0, MAX_VALUE),
    ...(rest !== "" && { [POD_REST_TAG]: rest }),
    [POD_UID_TAG]: uid,
  };
}

/**
 * Whose pods may have a branch again, as its tags say: a controller before us has made it, for this namespace, and while
 * pods had it, it never had other groups than `groups`, which it has now. Undefined when that cannot be known.
 */
export function homeOfTags(tags: Tags, groups: readonly string[]): Home | undefined {
  const namespace = podOfTags(tags)?.namespace ?? tags[WARM_TAG];
  const made = tags[GROUPS_TAG];
  if (namespace === undefined || namespace === "" || made === undefined) return undefined;
  if (made === ANY) return { namespace, isOpen: true };
  if (CHANGED_TAG in tags || made !== digestOf(groups)) return undefined;
  return { namespace, isOpen: false };
}

function digestOf(groups: readonly string[]): string {
  return tokenOf("groups", ...groups.toSorted());
}

/** Whose branch it was made for, as its tags say; undefined without them, as of AWS's controller. */
export function podOfTags(tags: Tags): PodName | undefined {
  const whole = `${tags[POD_TAG] ?? ""}${tags[POD_REST_TAG] ?? ""}`;
  const [, namespace, name] = /^([a-z0-9][a-z0-9-]*)\/([a-z0-9][a-z0-9.-]*)$/.exec(whole) ?? [];
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
