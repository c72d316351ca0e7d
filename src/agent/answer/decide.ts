import { AnnotationError, POD_ENI_ANNOTATION, decodeIdentity } from "../../ipam/annotation.ts";
import { keyOf } from "../../kubernetes/metadata.ts";
import { POD_ENI, type Pod } from "../../kubernetes/objects.ts";
import type { PodGroups } from "../../policy/groups-of-pod.ts";
import type { DatapathName } from "../../datapath/datapath.ts";
import type { BranchAnswer } from "../../state/answer.ts";
import { isFinished } from "./pod-names.ts";

/** What the agent answers about a pod, from what is known of it. Pure: the same facts give the same answer. */

export interface Facts {
  /** As the API server has it. */
  readonly pod: Pod;
  /** The other pods of the node. */
  readonly others: Iterable<Pod>;
  /** What the policies of its namespace say, current as of the question; undefined while nobody has looked. */
  readonly policies: PodGroups | undefined;
  /** What of its NetworkPolicies is enforced on the node's end of its veth. */
  readonly networkPolicies: NetworkPolicies;
  /** The datapath of the plugin's configuration. */
  readonly datapath: DatapathName | "auto";
  /** Why there is no branch yet, if something is known to be missing; "" for nothing known. */
  readonly obstacle: string;
  /** A pod that a policy selects, but that asks for no branch: refused, or let go with a warning. */
  readonly unrequested: "refuse" | "allow";
}

/**
 * `unseen`: no NetworkPolicy selects the pod, but what enforces them has kinds of policies that the agent does not read.
 * `unknown`: something enforces them, and the cache of NetworkPolicies is not complete yet.
 */
export type NetworkPolicies =
  | { readonly enforced: "none" | "unseen" | "unknown" }
  | { readonly enforced: "some"; readonly policy: string };

/** `look`: the policies of the namespace decide, and have to be looked at first. */
export type Decision = BranchAnswer | { readonly answer: "look" };

export function decide(facts: Facts): Decision {
  const { pod } = facts;
  if (pod.metadata.deletionTimestamp !== undefined) {
    return refused(`pod ${keyOf(pod.metadata)} is being deleted`);
  }
  // Its containers use the node's interfaces; kubelet calls no plugin for it.
  if (pod.usesHostNetwork) return { answer: "none" };
  const annotation = pod.metadata.annotations[POD_ENI_ANNOTATION];
  if (annotation !== undefined) return withBranch(facts, annotation);
  if (pod.asksForBranch) {
    const obstacle =
      facts.obstacle === "" ? `waiting for the annotation ${POD_ENI_ANNOTATION}` : facts.obstacle;
    return { answer: "wait", reason: obstacle };
  }
  return facts.policies === undefined ? { answer: "look" } : withoutBranch(facts, facts.policies);
}

function withBranch({ pod, others, datapath, networkPolicies }: Facts, annotation: string): BranchAnswer {
  const holder = holderOf(annotation, pod, others);
  if (holder !== undefined) {
    return refused(
      `${holder.eniId} of pod ${keyOf(pod.metadata)} is the branch of pod ${keyOf(holder.pod.metadata)} as well, which lives on this node`,
    );
  }
  switch (networkPolicies.enforced) {
    case "none":
      return { answer: "branch", annotation, datapath: datapath === "auto" ? "direct" : datapath };
    case "unseen":
      // Who asks for direct by name has been told (docs/datapaths.md).
      return { answer: "branch", annotation, datapath: datapath === "auto" ? "routed" : datapath };
    case "unknown":
      if (datapath === "routed") return { answer: "branch", annotation, datapath };
      return { answer: "wait", reason: "the list of NetworkPolicies is not complete yet" };
    case "some":
      if (datapath !== "direct") return { answer: "branch", annotation, datapath: "routed" };
      return refused(
        `NetworkPolicy ${networkPolicies.policy} selects pod ${keyOf(pod.metadata)} and would not be enforced with datapath "direct"; set "datapath" to "auto" or "routed"`,
      );
  }
}

/** Another pod of this node that lives and has the same ENI. */
function holderOf(
  annotation: string,
  { metadata: { uid } }: Pod,
  others: Iterable<Pod>,
): { readonly pod: Pod; readonly eniId: string } | undefined {
  const eniId = eniOf(annotation);
  // The plugin refuses an annotation that cannot be read, and says why.
  if (eniId === undefined) return undefined;
  for (const other of others) {
    const its = other.metadata.annotations[POD_ENI_ANNOTATION];
    if (its === undefined || other.metadata.uid === uid || isFinished(other)) continue;
    if (eniOf(its) === eniId) return { pod: other, eniId };
  }
  return undefined;
}

function eniOf(annotation: string): string | undefined {
  try {
    return decodeIdentity(annotation).eniId;
  } catch (error) {
    if (error instanceof AnnotationError) return undefined;
    throw error;
  }
}

function withoutBranch({ pod, unrequested }: Facts, { selecting, undecided }: PodGroups): BranchAnswer {
  const name = keyOf(pod.metadata);
  const [unsure] = undecided;
  if (selecting.length === 0 && unsure === undefined) return { answer: "none" };
  if (unrequested === "allow") return { answer: "none" };
  if (selecting.length > 0) {
    return refused(
      `SecurityGroupPolicy ${selecting.join(", ")} selects pod ${name}, but no container of it has the limit ${POD_ENI}: it was admitted without the webhook; delete it, and its successor will have it`,
    );
  }
  return refused(
    `SecurityGroupPolicy ${unsure?.policy ?? ""} may select pod ${name}: ${unsure?.why ?? ""}; correct the policy`,
  );
}

function refused(reason: string): BranchAnswer {
  return { answer: "refused", reason };
}
