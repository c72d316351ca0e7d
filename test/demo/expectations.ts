// What has to come out. judge.ts has the same words for what is observed.
import type { Expectation } from "./outcomes.ts";

/** The words of both sides of the table. */
export const words = {
  rows: (count: number, seenAs: "its branch" | "its address on the node" | "somebody else") =>
    `${count} rows, seen as ${seenAs}`,
  timedOut: "times out",
  late: "waits, BranchLate says so, then starts",
  branch: (groups: readonly string[]) => `branch of the node's trunk in ${groups.join(", ")}`,
  annotated: "names that branch, whose address the pod has",
  reaches: "reaches",
  waits: "waits: no container has started",
  onNode: "no record, no device",
  inEc2: (trunks: number, branches: number) =>
    trunks + branches === 0 ? "no trunk, no branch" : `${trunks} trunks, ${branches} branches`,
} as const;

/** The groups by their names in the simulated account. */
export const GROUPS = { nodes: "cluster", catalog: "catalog", database: "catalog-db" } as const;

const { rows, timedOut } = words;
const { nodes, catalog, database } = GROUPS;

export const EXPECTATIONS = [
  {
    id: "inside",
    what: "the catalogue asks its database in the cluster",
    expected: rows(4, "its address on the node"),
  },
  { id: "refused", what: "it asks the database in the VPC, which admits one group", expected: timedOut },
  {
    id: "why",
    what: "branchline explain",
    expected: `does not reach: ${database} has no ingress for tcp 5432 from ${nodes}`,
  },
  { id: "late", what: "a policy selects it; EC2 is slow: its new pod", expected: words.late },
  { id: "branch", what: "the pod's interface in EC2", expected: words.branch([catalog]) },
  { id: "annotation", what: "the pod's annotation", expected: words.annotated },
  { id: "admitted", what: "it asks the database in the VPC", expected: rows(4, "its branch") },
  { id: "now", what: "branchline explain", expected: words.reaches },
  { id: "stranger", what: "a workload without a policy asks it", expected: timedOut },
  { id: "rule taken", what: "its rule is taken away: the pod that runs", expected: timedOut },
  { id: "rule given", what: "its rule is given back: the same pod", expected: rows(4, "its branch") },
  { id: "groups taken", what: "its policy names another group: the same pod", expected: timedOut },
  { id: "groups given", what: "its policy names the first one again", expected: rows(4, "its branch") },
  {
    id: "killed",
    what: "controller and agent are killed: the pod that runs",
    expected: rows(4, "its branch"),
  },
  { id: "new pod", what: "meanwhile a new pod", expected: words.waits },
  { id: "back", what: "they are back: the new pod", expected: rows(4, "its branch") },
  { id: "left node", what: "everything deleted: the node has", expected: words.onNode },
  { id: "left ec2", what: "everything deleted: EC2 has", expected: words.inEc2(0, 0) },
] as const satisfies readonly Expectation<string>[];

export type RowId = (typeof EXPECTATIONS)[number]["id"];
