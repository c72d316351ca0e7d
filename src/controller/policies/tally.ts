import { keyOf } from "../../kubernetes/metadata.ts";
import type { PodGroups } from "../../policy/groups-of-pod.ts";
import { isOnFargate } from "../../policy/fargate.ts";
import { policyName, type SecurityGroupPolicy } from "../../policy/security-group-policy.ts";
import type { SeenPod } from "../objects.ts";

/** What has become of the pods that policies select: counted as `branchline status` does. */

/** What is known of a pod's branch. */
export interface SeenBranch {
  /** Undefined: not described yet. */
  readonly groups: readonly string[] | undefined;
  /** Why its groups could not be changed at the last try. */
  readonly refusal: string | undefined;
}

/** How many pods, and one of them. */
export interface Some {
  readonly count: number;
  /** Its name, without the namespace. */
  readonly example: string;
}

export interface Tally {
  readonly matched: number;
  readonly applied: number;
  /** They have no branch yet. */
  readonly waiting: Some;
  /** Their branch has not all of the policy's groups, or one that no policy of theirs gives: it was taken away. */
  readonly other: Some & { readonly refusal: string | undefined };
  readonly uncovered: Some;
  /** A pod that several policies give more groups than an interface can have. */
  readonly tooMany: { readonly pod: string; readonly groups: number; readonly policies: number } | undefined;
  /** Why it is not known of some pod whether the policy selects it. */
  readonly doubt: string | undefined;
}

type PodState = "waiting" | "uncovered" | "branch";

/** Undefined: it has ended, is ending, is on its node's network, or on Fargate. */
export function stateOf(pod: SeenPod): PodState | undefined {
  if (isOnFargate({ node: pod.node, labels: pod.metadata.labels })) return undefined;
  if (pod.isFinished || pod.usesHostNetwork || pod.metadata.deletionTimestamp !== undefined) return undefined;
  if (pod.runs) return typeof pod.claim !== "object" || pod.isElsewhere ? "uncovered" : "branch";
  return pod.claim === undefined ? "waiting" : "branch";
}

const NOBODY: Some = { count: 0, example: "" };

class Counting {
  matched = 0;
  applied = 0;
  waiting = NOBODY;
  other: Tally["other"] = { ...NOBODY, refusal: undefined };
  uncovered = NOBODY;
  tooMany: Tally["tooMany"];
  doubt: string | undefined;
}

/** Of the policies of one namespace. */
export class Tallies {
  private readonly policies: ReadonlyMap<string, SecurityGroupPolicy>;
  private readonly counting: ReadonlyMap<string, Counting>;
  private readonly quota: number;

  /** `quota`: groups that an interface can have. */
  constructor(policies: readonly SecurityGroupPolicy[], quota: number) {
    this.policies = new Map(policies.map((policy) => [policyName(policy), policy]));
    this.counting = new Map(policies.map((policy) => [policyName(policy), new Counting()]));
    this.quota = quota;
  }

  add(pod: SeenPod, { selecting, groups, undecided }: PodGroups, branch: SeenBranch | undefined): void {
    const state = stateOf(pod);
    if (state === undefined) return;
    for (const { policy, why } of undecided) {
      const counting = this.counting.get(policy);
      if (counting !== undefined) counting.doubt ??= `${keyOf(pod.metadata)}: ${why}`;
    }
    for (const name of selecting) {
      const counting = this.counting.get(name);
      if (counting === undefined) continue;
      counting.matched += 1;
      if (groups.length > this.quota && selecting.length > 1) {
        const tooMany = { pod: pod.metadata.name, groups: groups.length, policies: selecting.length };
        counting.tooMany ??= tooMany;
      }
      const has = branch?.groups ?? [];
      const own = this.policies.get(name)?.groups ?? [];
      // A group that was taken out of a policy is gone once EC2 has let it go.
      const isApplied = own.every((one) => has.includes(one)) && has.every((one) => groups.includes(one));
      this.count(counting, pod, state, isApplied, branch);
    }
  }

  of(policy: SecurityGroupPolicy): Tally {
    return this.counting.get(policyName(policy)) ?? new Counting();
  }

  private count(
    counting: Counting,
    { metadata: { name } }: SeenPod,
    state: PodState,
    isApplied: boolean,
    branch: SeenBranch | undefined,
  ): void {
    if (state === "waiting") counting.waiting = more(counting.waiting, name);
    else if (state === "uncovered") counting.uncovered = more(counting.uncovered, name);
    else if (isApplied) counting.applied += 1;
    else {
      const refusal = counting.other.refusal ?? branch?.refusal;
      counting.other = { ...more(counting.other, name), refusal };
    }
  }
}

/** The example is the first by name, so that it stays while it can. */
function more({ count, example }: Some, name: string): Some {
  return { count: count + 1, example: count === 0 || name < example ? name : example };
}
