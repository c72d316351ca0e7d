import type { Gap } from "../facts/fact.ts";
import { exitOf } from "./exit.ts";
import type { NodeStatus, PodStatus, PolicyStatus, Problem, Status } from "./status.ts";
import type { GroupNames } from "./tables.ts";

/**
 * The shape of `branchline status -o json`: docs/schemas/status.json. Fields are added, never changed. What is not there, or
 * not known, is left out.
 */

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
    namespace: scope.namespace,
    node: scope.node,
  };
  // Its closing brace comes last.
  yield JSON.stringify(head, undefined, 2).slice(0, -2);
  yield* listOf("problems", problems, problemOf);
  yield* listOf("unknown", gaps, gapOf);
  yield* listOf("nodes", nodes, nodeOf);
  yield* listOf("pods", pods, (pod) => podOf(pod, about.names));
  if (policies !== undefined) yield* listOf("policies", policies, (policy) => policyOf(policy, about.names));
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

function problemOf({ severity, kind, object, message }: Problem) {
  return { severity, kind, object: { ...object, namespace: object.namespace || undefined }, message };
}

function gapOf({ what, reason, message, permission }: Gap) {
  return { what, reason, message, permission };
}

function nodeOf({ isReady, ...node }: NodeStatus) {
  return { ...node, ready: isReady };
}

function podOf({ node, groups, wantedGroups, waitedS, ...pod }: PodStatus, names: GroupNames) {
  return {
    ...pod,
    node: node || undefined,
    groups: groups?.map((id) => groupOf(id, names)),
    wantedGroups: wantedGroups?.map((id) => groupOf(id, names)),
    waitedSeconds: waitedS,
  };
}

function policyOf({ groups, counts, ...policy }: PolicyStatus, names: GroupNames) {
  return { ...policy, groups: groups.map((id) => groupOf(id, names)), ...counts };
}

function groupOf(id: string, names: GroupNames) {
  return { id, name: names.get(id) };
}
