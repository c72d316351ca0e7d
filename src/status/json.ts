import type { Gap } from "../facts/fact.ts";
import { exitOf } from "./exit.ts";
import type { NodeStatus, PodStatus, PolicyStatus, Problem, Status } from "./status.ts";
import type { GroupNames } from "./tables.ts";

/**
 * The shape of `branchline status -o json`: docs/schemas/status.json. Fields are added, never changed. Null is what is not
 * there, or not known.
 */

export interface Report {
  readonly version: 1;
  /** Of branchline. */
  readonly branchline: string;
  /** RFC 3339. */
  readonly at: string;
  readonly place: "cluster";
  readonly exit: 0 | 1 | 3;
  readonly namespace: string | null;
  readonly node: string | null;
  readonly problems: readonly ReportedProblem[];
  readonly unknown: readonly ReportedGap[];
  readonly nodes: readonly object[];
  readonly pods: readonly object[];
  readonly policies: readonly object[] | null;
}

export interface ReportedProblem extends Omit<Problem, "object"> {
  readonly object: { readonly kind: string; readonly namespace: string | null; readonly name: string };
}

export interface ReportedGap {
  readonly what: string;
  readonly reason: Gap["reason"];
  readonly message: string;
  readonly permission: string | null;
}

export interface ReportedGroup {
  readonly id: string;
  readonly name: string | null;
}

/** The text in pieces: that of a large cluster has megabytes. */
export function* jsonOf(
  status: Status,
  about: { readonly branchline: string; readonly names: GroupNames },
): Generator<string, void, undefined> {
  const { scope, problems, gaps, nodes, pods, policies } = status;
  const head = {
    version: 1,
    branchline: about.branchline,
    at: new Date(status.now).toISOString(),
    place: "cluster",
    exit: exitOf(problems, gaps),
    namespace: scope.namespace ?? null,
    node: scope.node ?? null,
  } satisfies Partial<Report>;
  // Its closing brace comes last.
  yield JSON.stringify(head, undefined, 2).slice(0, -2);
  yield* listOf("problems", problems, problemOf);
  yield* listOf("unknown", gaps, reportedGap);
  yield* listOf("nodes", nodes, nodeOf);
  yield* listOf("pods", pods, (pod) => podOf(pod, about.names));
  if (policies === undefined) yield ',\n  "policies": null';
  else yield* listOf("policies", policies, (policy) => policyOf(policy, about.names));
  yield "\n}\n";
}

/** Each element on a line of its own. */
export function* listOf<T>(
  name: string,
  all: readonly T[],
  shape: (one: T) => object,
): Generator<string, void, undefined> {
  yield `,\n  "${name}": [`;
  for (const [index, one] of all.entries())
    yield `${index === 0 ? "" : ","}\n    ${JSON.stringify(shape(one))}`;
  yield all.length === 0 ? "]" : "\n  ]";
}

export function problemOf({ severity, kind, object, message }: Problem): ReportedProblem {
  const { namespace } = object;
  return { severity, kind, object: { ...object, namespace: namespace === "" ? null : namespace }, message };
}

export function reportedGap({ what, reason, message, permission }: Gap): ReportedGap {
  return { what, reason, message, permission: permission ?? null };
}

function nodeOf({ name, instance, instanceType, isReady, trunk, slots, agent }: NodeStatus) {
  const { total, used, cooling, free } = slots;
  return {
    name,
    instance: instance ?? null,
    instanceType: instanceType ?? null,
    ready: isReady,
    trunk: trunk ?? null,
    slots: { total: total ?? null, used: used ?? null, cooling: cooling ?? null, free: free ?? null },
    agent,
  };
}

function podOf(pod: PodStatus, names: GroupNames) {
  const { namespace, name, node, state, why, branch, groups, groupsFrom, wantedGroups, policies } = pod;
  return {
    namespace,
    name,
    node: node === "" ? null : node,
    state,
    why: why ?? null,
    branch: branch ?? null,
    groups: groups?.map((id) => groupOf(id, names)) ?? null,
    groupsFrom: groupsFrom ?? null,
    wantedGroups: wantedGroups?.map((id) => groupOf(id, names)) ?? null,
    policies,
    datapath: pod.datapath ?? null,
    mode: pod.mode ?? null,
    waitedSeconds: pod.waitedS ?? null,
  };
}

function policyOf({ namespace, name, groups, counts }: PolicyStatus, names: GroupNames) {
  return {
    namespace,
    name,
    groups: groups.map((id) => groupOf(id, names)),
    matched: counts?.matched ?? null,
    applied: counts?.applied ?? null,
    pending: counts?.pending ?? null,
    uncovered: counts?.uncovered ?? null,
  };
}

function groupOf(id: string, names: GroupNames): ReportedGroup {
  return { id, name: names.get(id) ?? null };
}
