import type { Style } from "../text/style.ts";
import { printable } from "../text/printable.ts";
import type { Column } from "./columns.ts";
import { durationOf } from "./duration.ts";
import type { NodeStatus, PodState, PodStatus, PolicyStatus, Slots } from "./status.ts";

/** The columns of nodes, pods and policies. */

/** What is not known. */
const UNKNOWN = "?";

export type GroupNames = ReadonlyMap<string, string>;

interface Shape {
  readonly withNamespace: boolean;
  readonly names: GroupNames;
}

export function nodeColumns(style: Style): readonly Column<NodeStatus>[] {
  const agents = {
    ready: "ready",
    "not-ready": style.red("not ready"),
    missing: style.red("missing"),
    absent: "",
    unknown: UNKNOWN,
  };
  const slot = (head: string, key: keyof Slots): Column<NodeStatus> => ({
    head,
    cell: ({ slots }) => numberOf(slots[key]),
  });
  return [
    { head: "NAME", cell: ({ name }) => name },
    { head: "TYPE", cell: ({ instanceType = "" }) => instanceType, leaves: 1 },
    { head: "TRUNK", cell: ({ trunk = "" }) => trunk, leaves: 3 },
    slot("SLOTS", "total"),
    slot("USED", "used"),
    { ...slot("COOLING", "cooling"), leaves: 2 },
    slot("FREE", "free"),
    { ...slot("WARM", "warm"), leaves: 2 },
    { head: "AGENT", cell: ({ agent }) => agents[agent], leaves: 4 },
  ];
}

export function podColumns(
  { withNamespace, withWhy, names }: Shape & { readonly withWhy: boolean },
  style: Style,
): readonly Column<PodStatus>[] {
  const states: Readonly<Record<PodState, string>> = {
    attached: "attached",
    starting: style.yellow("starting"),
    waiting: style.yellow("waiting"),
    uncovered: style.red("uncovered"),
    ending: style.dim("ending"),
  };
  const groups = (show: (id: string) => string) => (pod: PodStatus) => {
    if (pod.state === "uncovered") return style.red("the node's");
    return pod.branch === undefined ? "" : (pod.groups?.map(show).join(", ") ?? UNKNOWN);
  };
  return [
    ...(withNamespace ? [{ head: "NAMESPACE", cell: (pod: PodStatus) => pod.namespace }] : []),
    { head: "NAME", cell: ({ name }) => name },
    { head: "NODE", cell: ({ node }) => node, leaves: 2 },
    { head: "STATE", cell: ({ state }) => states[state] },
    { head: "BRANCH", cell: ({ branch }) => branch?.eni ?? "", leaves: 4 },
    { head: "VLAN", cell: ({ branch }) => (branch === undefined ? "" : String(branch.vlan)), leaves: 5 },
    {
      head: "GROUPS",
      cell: groups((id) => groupOf(id, names)),
      short: groups((id) => printable(names.get(id) ?? id)),
    },
    { head: "DATAPATH", cell: datapathOf, leaves: 1 },
    { head: "WAITED", cell: ({ waitedS }) => (waitedS === undefined ? "" : durationOf(waitedS)), leaves: 3 },
    // Last, for it is long.
    ...(withWhy ? [{ head: "WAITS FOR", cell: whyOf, leaves: 0 }] : []),
  ];
}

export function policyColumns(
  { withNamespace, names }: Shape,
  style: Style,
): readonly Column<PolicyStatus>[] {
  const count = (
    head: string,
    key: "matched" | "applied" | "pending" | "uncovered",
    paint = (text: string) => text,
  ): Column<PolicyStatus> => ({
    head,
    cell({ counts }) {
      const value = counts?.[key];
      return value !== undefined && value > 0 ? paint(String(value)) : numberOf(value);
    },
  });
  return [
    ...(withNamespace ? [{ head: "NAMESPACE", cell: (policy: PolicyStatus) => policy.namespace }] : []),
    { head: "NAME", cell: ({ name }) => name },
    {
      head: "GROUPS",
      cell: ({ groups }) => groups.map((id) => groupOf(id, names)).join(", "),
      short: ({ groups }) => groups.map((id) => printable(names.get(id) ?? id)).join(", "),
    },
    count("MATCHED", "matched"),
    count("APPLIED", "applied"),
    count("PENDING", "pending", style.yellow),
    count("UNCOVERED", "uncovered", style.red),
  ];
}

/** Of one that waits. What runs without its branch is among the problems. */
export function whyOf({ state, why = "" }: PodStatus): string {
  return state === "waiting" || state === "starting" ? printable(why) : "";
}

function numberOf(value: number | undefined): string {
  return value === undefined ? UNKNOWN : String(value);
}

/** Anybody may have written the id into a policy, and the name into EC2. */
function groupOf(id: string, names: GroupNames): string {
  const name = names.get(id);
  return printable(name === undefined ? id : `${id} (${name})`);
}

function datapathOf({ branch, datapath, mode }: PodStatus): string {
  if (branch === undefined) return "";
  if (datapath === undefined) return UNKNOWN;
  return mode === undefined ? datapath : `${datapath} ${mode}`;
}
