import { groupsOfPod, matchPolicy } from "../policy/groups-of-pod.ts";
import type { Labels } from "../policy/label-selector.ts";
import type { ExplainedPod } from "./pod.ts";
import type { ExplainedPolicy } from "./policy.ts";

/** Which policies select a pod, why each of the others does not, and which came too late. Pure. */

/**
 * - `selects`: and it was there in time; it may have changed since.
 * - `late`: it was made after the pod's groups were settled, so it does not count for this pod.
 * - `maybe`: it cannot be evaluated.
 * - `elsewhere`: it would select the pod, but is of another namespace.
 */
export type Selection = "selects" | "late" | "maybe" | "no" | "elsewhere";

export interface PolicyFinding {
  readonly policy: ExplainedPolicy;
  readonly selection: Selection;
  /** Why not, or since when; empty for one that selects. */
  readonly why: string;
}

export interface Selected {
  /** Those of the pod's namespace, by name, and those of others that would select it. */
  readonly findings: readonly PolicyFinding[];
  /** Policies of other namespaces that have nothing to do with it. */
  readonly others: number;
  /** The union of the groups of all that select the pod, late or not, as a new pod would get them. */
  readonly groups: readonly string[];
}

export function selectedBy(
  pod: ExplainedPod,
  policies: readonly ExplainedPolicy[],
  accountLabels: Labels | undefined,
): Selected {
  const byName = new Map(policies.map((one) => [`${one.policy.namespace}/${one.policy.name}`, one]));
  const found = groupsOfPod(
    policies.map(({ policy }) => policy),
    pod,
    accountLabels,
  );
  const of = (name: string) => byName.get(name) as ExplainedPolicy;
  const own: PolicyFinding[] = [
    ...found.selecting.map((name) => inTime(pod, of(name))),
    ...found.undecided.map(({ policy, why }) => ({ policy: of(policy), selection: "maybe", why }) as const),
    ...found.passedOver.map(({ policy, why }) => ({ policy: of(policy), selection: "no", why }) as const),
  ];
  const foreign = policies.filter(({ policy }) => policy.namespace !== pod.namespace);
  // A ServiceAccount of that namespace is another one: only the pod's labels can be meant.
  const elsewhere = foreign.filter(
    ({ policy }) =>
      policy.serviceAccountSelector === undefined && matchPolicy(policy, pod, undefined).matches === true,
  );
  return {
    findings: [
      ...own,
      ...elsewhere.map(
        (policy) =>
          ({
            policy,
            selection: "elsewhere",
            why: `it would by its selector, but a policy selects pods of its own namespace only`,
          }) as const,
      ),
    ],
    others: foreign.length - elsewhere.length,
    groups: found.groups,
  };
}

/** The moment from which on policies do not count for the pod any more; undefined while they do. */
export function settledAt({
  branch,
  annotatedAt,
  asksForBranch,
  createdAt,
}: ExplainedPod): string | undefined {
  if (branch !== undefined) return annotatedAt;
  return asksForBranch ? undefined : createdAt;
}

function inTime(pod: ExplainedPod, policy: ExplainedPolicy): PolicyFinding {
  const settled = settledAt(pod);
  // Times are to the second: of the same one nobody can say which was first.
  if (settled !== undefined && policy.createdAt > settled) {
    const moment = pod.branch === undefined ? "the pod" : "the pod's branch";
    return {
      policy,
      selection: "late",
      why: `it was made at ${policy.createdAt}, after ${moment} (${settled})`,
    };
  }
  const isChanged = pod.branch !== undefined && settled !== undefined && policy.changedAt > settled;
  return {
    policy,
    selection: "selects",
    why: isChanged
      ? `it was changed at ${policy.changedAt}, after the pod's branch was made (${settled})`
      : "",
  };
}
