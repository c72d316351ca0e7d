import type { PatchStep } from "../../kubernetes/client.ts";
import { POD_ENI } from "../../kubernetes/objects.ts";
import { type Verdict, groupsOfPod } from "../../policy/groups-of-pod.ts";
import type { Labels } from "../../policy/label-selector.ts";
import type { SecurityGroupPolicy } from "../../policy/security-group-policy.ts";
import { exemptionOf } from "./exemption.ts";
import type { FirstContainer, ReviewedPod } from "./reviewed-pod.ts";

/** What becomes of a pod that is being created. */
export interface Mutation {
  /** Empty: the pod stays as it is. */
  readonly patch: readonly PatchStep[];
  /** Policies that may select a pod that stays as it is. The agent refuses it then. */
  readonly undecided: readonly Verdict[];
}

const NOTHING: Mutation = { patch: [], undecided: [] };

/**
 * A pod that a policy of its namespace selects asks for a branch: limit and request on its first container.
 * `serviceAccountLabels` are undefined where they are not known.
 */
export function mutate(
  pod: ReviewedPod,
  policies: Iterable<SecurityGroupPolicy>,
  serviceAccountLabels: Labels | undefined,
): Mutation {
  // One without containers the API server refuses.
  if (pod.first === undefined || exemptionOf(pod) !== undefined) return NOTHING;
  const { selecting, undecided } = groupsOfPod(policies, pod, serviceAccountLabels);
  return selecting.length === 0 ? { patch: [], undecided } : { patch: asking(pod.first), undecided: [] };
}

function asking({ hasResources, hasLimits, hasRequests }: FirstContainer): readonly PatchStep[] {
  const resources = "/spec/containers/0/resources";
  const pointer = POD_ENI.replaceAll("/", "~1");
  return [
    ...(hasResources ? [] : [add(resources, {})]),
    ...(hasLimits ? [] : [add(`${resources}/limits`, {})]),
    ...(hasRequests ? [] : [add(`${resources}/requests`, {})]),
    add(`${resources}/limits/${pointer}`, "1"),
    add(`${resources}/requests/${pointer}`, "1"),
  ];
}

function add(path: string, value: unknown): PatchStep {
  return { op: "add", path, value };
}
