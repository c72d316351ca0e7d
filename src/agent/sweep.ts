import { AnnotationError, POD_ENI_ANNOTATION, decodeIdentity } from "../ipam/annotation.ts";
import { POD_ENI, type Pod, type SecurityGroupPolicyObject } from "../kubernetes/objects.ts";
import { asksForServiceAccount, groupsOfPod } from "../policy/groups-of-pod.ts";
import type { Labels } from "../policy/label-selector.ts";

/** Pods of this node that run without the branch that they should have. Pure. */

export interface Escaped {
  readonly pod: Pod;
  /** One line: why it should have a branch. */
  readonly why: string;
}

export interface SweepFacts {
  readonly pods: Iterable<Pod>;
  readonly policies: Iterable<SecurityGroupPolicyObject>;
  /** UIDs of those that have a record of ours. */
  readonly attached: ReadonlySet<string>;
  /** By UID of a pod that had one: when a container of it had been started last by then. */
  readonly startsWithBranch: ReadonlyMap<string, string | undefined>;
  /** VLAN ids of devices that aws-cni, or the routed datapath, has on the node. */
  readonly vlanIds: ReadonlySet<number>;
  /**
   * Labels of the pods' ServiceAccounts, by UID of the pod; undefined for one that is no more. Absent ones have not been
   * read.
   */
  readonly accountLabels: ReadonlyMap<string, Labels | undefined>;
  /** The node's, in milliseconds since 1970. */
  readonly bootedAt: number;
}

export interface Swept {
  readonly escaped: readonly Escaped[];
  /** Whether these have escaped depends on the labels of their ServiceAccounts, which have not been read. */
  readonly unread: readonly Pod[];
}

/** Whether a container of it has been started: the phase says so only once its init containers are through. */
export function hasRun({ phase, startedAt }: Pick<Pod, "phase" | "startedAt">): boolean {
  return phase === "Running" || (phase === "Pending" && startedAt !== undefined);
}

/** A clock that was set right after the boot may be off by so much before. */
const CLOCK_MS = 60_000;

/**
 * Only pods that run: of others, ADD may be under way. After a reboot the API server calls those running that ran before;
 * they do once a container of theirs has been started since. Likewise a pod that ends, or whose sandbox is made anew, is still
 * called running when its record has gone: what was started while it had its branch had it. A policy counts if it is not younger than the pod; the labels of pod
 * and ServiceAccount are those that are known, though they may have been others when the pod was made.
 */
export function findEscaped({
  pods,
  policies,
  attached,
  startsWithBranch,
  vlanIds,
  accountLabels,
  bootedAt,
}: SweepFacts): Swept {
  const all = [...policies];
  const escaped: Escaped[] = [];
  const unread: Pod[] = [];
  for (const pod of pods) {
    const { metadata, startedAt, usesHostNetwork } = pod;
    const { uid } = metadata;
    if (!hasRun(pod) || usesHostNetwork || attached.has(uid)) continue;
    if (Date.parse(startedAt ?? "") < bootedAt - CLOCK_MS) continue;
    if (startsWithBranch.has(uid) && startsWithBranch.get(uid) === startedAt) continue;
    const annotation = metadata.annotations[POD_ENI_ANNOTATION];
    if (annotation !== undefined && vlanIds.has(vlanIdOf(annotation) ?? 0)) continue;
    const why = askedFor(pod) ?? selectedBy(pod, all, accountLabels);
    if (why === "unread") unread.push(pod);
    else if (why !== undefined) escaped.push({ pod, why });
  }
  return { escaped, unread };
}

function askedFor({ metadata, asksForBranch }: Pod): string | undefined {
  if (metadata.annotations[POD_ENI_ANNOTATION] !== undefined)
    return `it has the annotation ${POD_ENI_ANNOTATION}`;
  return asksForBranch ? `it has a limit of ${POD_ENI}` : undefined;
}

function selectedBy(
  { metadata, serviceAccount }: Pod,
  policies: readonly SecurityGroupPolicyObject[],
  accountLabels: SweepFacts["accountLabels"],
): string | undefined {
  const { namespace, labels, uid } = metadata;
  const older = policies
    // Both to the second, in the same form.
    .filter((policy) => policy.metadata.creationTimestamp <= metadata.creationTimestamp)
    .map(({ policy }) => policy);
  const { selecting, undecided } = groupsOfPod(
    older,
    { namespace, labels, serviceAccount },
    accountLabels.get(uid),
  );
  if (selecting.length > 0) return `SecurityGroupPolicy ${selecting.join(", ")} selects it`;
  const mayBeSelected = undecided.length > 0 && asksForServiceAccount(older, namespace);
  return mayBeSelected && !accountLabels.has(uid) ? "unread" : undefined;
}

function vlanIdOf(annotation: string): number | undefined {
  try {
    return decodeIdentity(annotation).vlanId;
  } catch (error) {
    if (error instanceof AnnotationError) return undefined;
    throw error;
  }
}
