import { matchPolicy } from "../../policy/groups-of-pod.ts";
import type { SecurityGroupPolicy } from "../../policy/security-group-policy.ts";
import { quote } from "../../text/json.ts";
import { type GroupFacts, isGroupId } from "./groups.ts";
import type { Some, Tally } from "./tally.ts";

/** What a policy's status says: in the words of `branchline status` where that knows the same. Pure. */

/** At the start, for a moment. */
export const NOT_ASKED = "EC2 has not been asked yet";

export interface PolicyCondition {
  readonly type: "GroupsFound" | "Applied";
  readonly status: "True" | "False" | "Unknown";
  /** In CamelCase. */
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

export interface PolicyStatus {
  readonly observedGeneration: number;
  readonly matched: number;
  readonly applied: number;
  readonly pending: number;
  readonly uncovered: number;
  readonly conditions: readonly PolicyCondition[];
}

export interface PolicyFacts {
  readonly policy: SecurityGroupPolicy;
  /** metadata.generation. */
  readonly generation: number;
  readonly tally: Tally;
  readonly groups: GroupFacts;
  /** Groups that an interface can have. */
  readonly quota: number;
  readonly liveGroups: boolean;
}

export function statusOf(facts: PolicyFacts): PolicyStatus {
  const { tally, generation: observedGeneration } = facts;
  return {
    observedGeneration,
    matched: tally.matched,
    applied: tally.applied,
    pending: tally.waiting.count + tally.other.count,
    uncovered: tally.uncovered.count,
    conditions: [
      { type: "GroupsFound", ...groupsFound(facts), observedGeneration },
      { type: "Applied", ...applied(facts), observedGeneration },
    ],
  };
}

type Verdict = Pick<PolicyCondition, "status" | "reason" | "message">;

function no(reason: string, message: string): Verdict {
  return { status: "False", reason, message };
}

function groupsFound({ policy, groups, quota }: PolicyFacts): Verdict {
  const ids = [...new Set(policy.groups)];
  if (ids.length === 0) return no("PolicyWithoutEffect", "spec.securityGroups.groupIds is empty");
  const malformed = ids.find((id) => !isGroupId(id));
  if (malformed !== undefined) return no("GroupMissing", `${quote(malformed)} is no id of a security group`);
  if (ids.length > quota) return no("TooManyGroups", tooMany(`it names ${ids.length} groups`, quota));
  const missing = ids.filter((id) => groups.of(id).state === "missing");
  if (missing.length > 0)
    return no("GroupMissing", `EC2 has no security group ${missing.join(", ")}: correct the policy`);
  for (const id of ids) {
    const group = groups.of(id);
    if (group.state === "found" && groups.vpc !== undefined && group.vpc !== groups.vpc)
      return no(
        "GroupOfOtherVpc",
        `${id} is of ${group.vpc}, and the cluster is in ${groups.vpc}: name a group of that`,
      );
  }
  if (groups.problem !== undefined || ids.some((id) => groups.of(id).state === "unknown")) {
    const message = groups.problem ?? NOT_ASKED;
    return { status: "Unknown", reason: "GroupsNotRead", message };
  }
  const message = `EC2 has ${ids.length === 1 ? "its group" : `all ${ids.length} groups`}`;
  return { status: "True", reason: "GroupsFound", message };
}

function tooMany(what: string, quota: number): string {
  return `${what}, and an interface can have ${quota} (--groups-per-interface, where the account's quota is another)`;
}

function applied(facts: PolicyFacts): Verdict {
  const { policy, tally, quota } = facts;
  const useless = whyUseless(policy);
  if (useless !== undefined) return no("PolicyWithoutEffect", useless);
  if (tally.doubt !== undefined)
    return { status: "Unknown", reason: "PodsNotKnown", message: `pod ${tally.doubt}` };
  if (tally.matched === 0)
    return { status: "True", reason: "PolicyCoversNothing", message: "it selects no pod" };
  if (tally.tooMany !== undefined) {
    const { pod, groups, policies } = tally.tooMany;
    return no("TooManyGroups", tooMany(`pod ${pod} has ${groups} groups by ${policies} policies`, quota));
  }
  if (tally.applied === tally.matched) {
    const message =
      tally.matched === 1 ? "its pod has its groups" : `all ${tally.matched} pods have its groups`;
    return { status: "True", reason: "PodsHaveGroups", message };
  }
  return no(shortOf(tally), sentences(facts).join("; "));
}

/** As the problems of `branchline status` are called, the worst first. */
function shortOf({ uncovered, other }: Tally): string {
  if (uncovered.count > 0) return "PodWithoutBranch";
  return other.count > 0 ? "PodOtherGroups" : "PodWaiting";
}

function sentences({ tally, liveGroups }: PolicyFacts): string[] {
  const { applied: done, matched, uncovered, other, waiting } = tally;
  const all = [`${done} of ${matched} pods have its groups`];
  if (uncovered.count > 0) {
    const what = `${pods(uncovered, "runs", "run")} with the groups of the node instead of a branch`;
    all.push(`${what}: delete ${uncovered.count === 1 ? "it" : "them"}, to be made anew`);
  }
  if (other.count > 0) {
    const why = other.refusal ?? (liveGroups ? undefined : "--live-groups=false");
    all.push(`${pods(other, "has", "have")} other groups${why === undefined ? "" : `: ${why}`}`);
  }
  if (waiting.count > 0) all.push(`${pods(waiting, "waits", "wait")} for a branch`);
  return all;
}

/** `web-0 waits`, or `2 pods, such as web-0, wait`. */
function pods({ count, example }: Some, one: string, several: string): string {
  return count === 1 ? `${example} ${one}` : `${count} pods, such as ${example}, ${several}`;
}

/** As the policy itself says, whatever the pods are. */
function whyUseless(policy: SecurityGroupPolicy): string | undefined {
  const { groups, podSelector, serviceAccountSelector, namespace } = policy;
  if (groups.length > 0 && (podSelector !== undefined || serviceAccountSelector !== undefined))
    return undefined;
  const match = matchPolicy(policy, { namespace, labels: {}, serviceAccount: "" }, {});
  return match.matches === true ? undefined : match.why;
}
