import { type Labels, type Match, allOf, matchLabels } from "./label-selector.ts";
import { type SecurityGroupPolicy, type SelectedPod, policyName } from "./security-group-policy.ts";

/**
 * The groups of a pod: those of every policy of its namespace that selects it, as AWS's controller does (pkg/utils of
 * amazon-vpc-resource-controller-k8s). Where that controller skips a policy that it cannot evaluate, we say so: whether
 * the pod may start is then unknown.
 */

export interface PodGroups {
  /** The union, each once, in the order of the policies' names. */
  readonly groups: readonly string[];
  /** Names (NAMESPACE/NAME) of the policies that select the pod, sorted. */
  readonly selecting: readonly string[];
  /** Policies that may select it, each with the reason why that is not known. */
  readonly undecided: readonly Verdict[];
  /** Policies of its namespace that do not select it, each with the reason. */
  readonly passedOver: readonly Verdict[];
}

export interface Verdict {
  /** NAMESPACE/NAME. */
  readonly policy: string;
  readonly why: string;
}

/**
 * `serviceAccountLabels` are those of the pod's ServiceAccount, undefined if they are not known. Policies of other
 * namespaces are ignored.
 */
export function groupsOfPod(
  policies: Iterable<SecurityGroupPolicy>,
  pod: SelectedPod,
  serviceAccountLabels: Labels | undefined,
): PodGroups {
  const own = [...policies]
    .filter(({ namespace }) => namespace === pod.namespace)
    // By code units, not by locale: the order must be the same everywhere.
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
  const groups = new Set<string>();
  const selecting: string[] = [];
  const undecided: Verdict[] = [];
  const passedOver: Verdict[] = [];
  for (const policy of own) {
    const match = matchPolicy(policy, pod, serviceAccountLabels);
    if (match.matches === true) {
      selecting.push(policyName(policy));
      for (const group of policy.groups) groups.add(group);
    } else {
      (match.matches === false ? passedOver : undecided).push({ policy: policyName(policy), why: match.why });
    }
  }
  return { groups: [...groups], selecting, undecided, passedOver };
}

/** Whether a policy of the pod's own namespace selects it. */
export function matchPolicy(
  { podSelector, serviceAccountSelector, groups }: SecurityGroupPolicy,
  { labels, serviceAccount }: SelectedPod,
  serviceAccountLabels: Labels | undefined,
): Match {
  if (podSelector === undefined && serviceAccountSelector === undefined) {
    return { matches: false, why: "it has neither spec.podSelector nor spec.serviceAccountSelector" };
  }
  if (groups.length === 0) return { matches: false, why: "spec.securityGroups.groupIds is empty" };
  const parts: Match[] = [];
  if (podSelector !== undefined) parts.push(matchLabels(podSelector, labels, "spec.podSelector"));
  if (serviceAccountSelector !== undefined) {
    const field = "spec.serviceAccountSelector";
    parts.push(
      serviceAccountLabels === undefined
        ? {
            matches: "unknown",
            why: `${field}: the labels of ServiceAccount ${serviceAccount} are not known`,
          }
        : matchLabels(serviceAccountSelector, serviceAccountLabels, field),
    );
  }
  return allOf(parts);
}

/** Whether the labels of the ServiceAccount matter: some policy of the namespace has a selector for them. */
export function asksForServiceAccount(policies: Iterable<SecurityGroupPolicy>, namespace: string): boolean {
  for (const policy of policies) {
    if (policy.namespace === namespace && policy.serviceAccountSelector !== undefined) return true;
  }
  return false;
}
