import { counted } from "../doctor/check.ts";
import { type Gap, gapLine } from "../facts/fact.ts";
import { printable } from "../text/printable.ts";
import type { Style } from "../text/style.ts";
import { columnLines } from "./columns.ts";
import type { Problem, ProblemKind, Status } from "./status.ts";
import { type GroupNames, nodeColumns, podColumns, policyColumns, whyOf } from "./tables.ts";

/** What `branchline status` prints for people. */

/** Of a kind; more are counted: all are in the JSON. */
const MOST_ITEMS = 10;

/** A heading for each kind, and what to do about it. `$0` is the program's name. */
const HEADINGS: Readonly<Record<ProblemKind, readonly [heading: string, todo: string]>> = {
  PodWithoutBranch: ["Pods with the groups of their node", "$0 explain pod NAME says why; delete the pod"],
  PodOtherGroups: ["Pods with other groups than their policies say", "restart them, or correct the policy"],
  BranchMissing: ["Pods whose branch EC2 does not have", "delete the pod"],
  PodWaiting: ["Pods that wait", "$0 explain pod NAME says for what"],
  NodeWithoutTrunk: ["Nodes without trunk", "$0 doctor --check BL003,BL004"],
  AgentNotReady: ["Nodes without a ready agent", "$0 doctor --check BL005"],
  PolicyWithoutEffect: ["Policies without effect, or impossible to evaluate", "correct the policy"],
  GroupMissing: ["Policies with groups that do not exist", "correct the policy"],
  GroupOfOtherVpc: ["Policies with groups of another VPC", "name groups of the cluster's VPC"],
  TooManyGroups: ["Policies with more groups than an interface can have", "fewer groups, or a larger quota"],
  NodeFull: ["Nodes without a free slot", "more nodes, or larger ones"],
  PolicyCoversNothing: ["Policies that select no pod", "compare their selectors with the pods' labels"],
};

export interface TextOptions {
  readonly program: string;
  readonly style: Style;
  /** Of the terminal; undefined: there is none. */
  readonly width: number | undefined;
  readonly names: GroupNames;
}

/** Lines without line breaks. */
export function* linesOf(status: Status, options: TextOptions): Generator<string, void, undefined> {
  const { nodes, pods, policies, problems, gaps, scope } = status;
  const { style, width, names } = options;
  const shape = { withNamespace: scope.namespace === undefined, names };
  const withWhy = pods.some((pod) => whyOf(pod) !== "");
  for (const kind of kindsOf(problems)) yield* problemLines(kind, problems, options);
  if (gaps.length > 0) yield* gapLines(gaps, style);
  const tables = [
    ["Nodes", columnLines(nodeColumns(style), nodes, style, width)],
    ["Pods", columnLines(podColumns({ ...shape, withWhy }, style), pods, style, width)],
    ["Policies", columnLines(policyColumns(shape, style), policies ?? [], style, width)],
  ] as const;
  for (const [title, lines] of tables) {
    if (lines.length === 0) continue;
    yield style.bold(title);
    yield* lines;
    yield "";
  }
  yield summaryOf(status);
}

function kindsOf(problems: readonly Problem[]): readonly ProblemKind[] {
  return [...new Set(problems.map(({ kind }) => kind))];
}

function* problemLines(kind: ProblemKind, problems: readonly Problem[], { style, program }: TextOptions) {
  const its = problems.filter((one) => one.kind === kind);
  const [heading, todo] = HEADINGS[kind];
  const isProblem = its.some(({ severity }) => severity === "problem");
  const word = isProblem ? style.red("problem") : style.yellow("warning");
  yield `${word}  ${style.bold(heading)} (${its.length}): ${todo.replaceAll("$0", program)}`;
  for (const { object, message } of its.slice(0, MOST_ITEMS)) {
    const name = object.namespace === "" ? object.name : `${object.namespace}/${object.name}`;
    yield `         ${printable(`${name}: ${message}`)}`;
  }
  if (its.length > MOST_ITEMS) yield `         and ${its.length - MOST_ITEMS} more (-o json has all)`;
  yield "";
}

function* gapLines(gaps: readonly Gap[], style: Style) {
  yield `${style.yellow("unknown")}  ${style.bold("What could not be looked at")}`;
  for (const line of new Set(gaps.map(gapLine))) yield `         ${printable(line)}`;
  yield "";
}

/** `3 nodes, 20 pods, 2 policies of namespace shop: no problems`. */
function summaryOf({ nodes, pods, policies, problems, gaps, scope }: Status): string {
  const things = [
    counted(nodes.length, "node"),
    `${counted(pods.length, "pod")} with a branch, or to have one`,
    ...(policies === undefined ? [] : [counted(policies.length, "policy")]),
  ].join(", ");
  const where =
    scope.node !== undefined
      ? `on node ${scope.node}`
      : scope.namespace === undefined
        ? "in all namespaces"
        : `in namespace ${scope.namespace} (-A: all)`;
  const count = (severity: Problem["severity"]) => problems.filter((one) => one.severity === severity).length;
  const [bad, warnings] = [count("problem"), count("warning")];
  const found =
    bad + warnings === 0 ? "no problems" : `${counted(bad, "problem")}, ${counted(warnings, "warning")}`;
  const unseen = gaps.length === 0 ? "" : "; not everything could be looked at";
  return `${things} ${where}: ${found}${unseen}`;
}
