import type { SecurityGroup } from "../../ec2/types.ts";
import { valueOr } from "../../facts/fact.ts";
import { groupsOfPod } from "../../policy/groups-of-pod.ts";
import type { SecurityGroupPolicy } from "../../policy/security-group-policy.ts";
import type { Filters, Flow } from "../../verdict/facts.ts";
import { admittedGroups } from "../../verdict/group-rules.ts";
import { isEnd } from "../../verdict/hops.ts";
import type { Judged } from "../judged.ts";
import type { Situation } from "../situation.ts";
import type { Alternative } from "./alternative.ts";
import { addLabels, makePolicy, workloadOf } from "./commands.ts";
import { isStable, lackingLabels, stableLabels } from "./labels.ts";
import { wouldReach } from "./successor.ts";

/**
 * For a pod without a branch that is refused only as the destination's groups do not admit those of its node: what would give
 * it a group that they do. Pure.
 */

/** More are not looked at. */
const MOST_GROUPS = 20;

/** Groups that the destination admits, of which one could be the pod's; undefined where another group would not help. */
export function candidatesOf(
  { path: { from, port }, wanted, verdict: { answer, way, hops } }: Judged,
  { facts: { pod }, selected }: Situation,
  { rules }: Filters,
): readonly string[] | undefined {
  const isOurs = wanted.from.kind === "pod" && wanted.from.pod.uid === pod.uid;
  if (!isOurs || from.kind !== "pod" || from.attachment !== "none") return undefined;
  if (answer !== "does not reach" || way.kind !== "vpc" || !rules.known) return undefined;
  // One that a policy selects has only to be made anew, which its problems say.
  if (!selected.known || selected.value.groups.length > 0) return undefined;
  const { interface: there } = way.to;
  if (!there.known || there.value === undefined) return undefined;
  const { id, groups } = there.value;
  const isOnlyThat = hops
    .filter(isEnd)
    .every((hop) => hop.kind === "no-rule" && !hop.isEgress && hop.at.id === id);
  if (!isOnlyThat) return undefined;
  const flow: Flow = { from: way.from, to: way.to, protocol: wanted.protocol, port };
  const admitted = admittedGroups(rules.value, flow, groups);
  // Its own is what its members have for each other.
  const [own, others] = [true, false].map((is) => admitted.filter((one) => groups.includes(one) === is));
  return [...(others ?? []), ...(own ?? [])].slice(0, MOST_GROUPS);
}

/** Groups of policies of the namespace, which labels may give the pod. */
export function groupsOfPolicies({ facts }: Situation): readonly string[] {
  return ownPolicies(facts).flatMap(({ groups }) => groups);
}

/** `filters`: with the rules of all candidates and of all groups of the policies. `groups`: those of them that there are. */
export function findAlternatives(
  judged: Judged,
  situation: Situation,
  filters: Filters,
  {
    candidates,
    groups,
  }: { readonly candidates: readonly string[]; readonly groups: readonly SecurityGroup[] },
): readonly Alternative[] {
  const found =
    byLabels(judged, situation, filters, groups) ??
    byPolicy(
      judged,
      situation,
      filters,
      candidates.filter((id) => isUsable(id, situation, groups)),
    );
  return found === undefined ? [] : [found];
}

/** A policy of the namespace whose labels the pod lacks. */
function byLabels(
  judged: Judged,
  situation: Situation,
  filters: Filters,
  existing: readonly SecurityGroup[],
): Alternative | undefined {
  const { facts } = situation;
  const { pod } = facts;
  for (const policy of ownPolicies(facts)) {
    const lacking = lackingLabels(policy.podSelector ?? {}, pod.labels);
    const keys = Object.keys(lacking);
    if (keys.length === 0 || !keys.every(isStable)) continue;
    const labels = { ...pod.labels, ...lacking };
    const { groups, undecided, selecting } = groupsOfPod(
      ownPolicies(facts),
      { ...pod, labels },
      valueOr(facts.accountLabels, undefined),
    );
    const { namespace, name } = policy;
    if (undecided.length > 0 || !selecting.includes(`${namespace}/${name}`)) continue;
    if (!groups.every((id) => isUsable(id, situation, existing))) continue;
    if (!wouldReach(filters, judged, situation, { groups, labels })) continue;
    return {
      kind: "label",
      policy: { namespace, name },
      labels: lacking,
      groups,
      commands: addLabels(pod, lacking),
      isByHand: workloadOf(pod) === undefined,
    };
  }
  return undefined;
}

/** A policy that does not exist yet, by the labels that the pod has. */
function byPolicy(
  judged: Judged,
  situation: Situation,
  filters: Filters,
  candidates: readonly string[],
): Alternative | undefined {
  const { facts } = situation;
  const { pod } = facts;
  const labels = stableLabels(pod.labels);
  // A selector without labels would select all pods of the namespace.
  if (Object.keys(labels).length === 0) return undefined;
  // Of a policy that may select the pod nobody knows what groups come with it.
  if (
    situation.selected.known &&
    situation.selected.value.findings.some(({ selection }) => selection === "maybe")
  )
    return undefined;
  for (const group of candidates) {
    const groups = [group];
    if (!wouldReach(filters, judged, situation, { groups, labels: pod.labels })) continue;
    const policy = { namespace: pod.namespace, name: freeName(pod, ownPolicies(facts)) };
    const made = { policy, labels, groups };
    return {
      kind: "policy",
      ...made,
      commands: makePolicy(pod, made),
      isByHand: pod.owner === undefined,
    };
  }
  return undefined;
}

function ownPolicies({ policies, pod }: Situation["facts"]): readonly SecurityGroupPolicy[] {
  return valueOr(policies, [])
    .map(({ policy }) => policy)
    .filter(({ namespace }) => namespace === pod.namespace);
}

/** It exists, in the VPC where the branch would be. */
function isUsable(id: string, { ec2 }: Situation, groups: readonly SecurityGroup[]): boolean {
  const vpc = valueOr(ec2.instance, undefined)?.vpc;
  return groups.some((group) => group.id === id && group.vpc === vpc);
}

/** After the workload or the pod; not that of a policy that there is, which it would replace. */
function freeName(pod: Situation["facts"]["pod"], policies: readonly SecurityGroupPolicy[]): string {
  const name = workloadOf(pod)?.split("/")[1] ?? pod.owner?.split("/")[1] ?? pod.name;
  const isTaken = (one: string) => policies.some((policy) => policy.name === one);
  let free = name;
  for (let i = 2; isTaken(free); i += 1) free = `${name}-${i}`;
  return free;
}
