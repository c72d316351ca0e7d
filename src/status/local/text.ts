import { counted } from "../../doctor/check.ts";
import { printable } from "../../text/printable.ts";
import type { Style } from "../../text/style.ts";
import { type Column, columnLines } from "../columns.ts";
import { ownerOf } from "./assemble.ts";
import type { NodeProblem, NodeProblemKind, NodeState, RecordState, RecordStateName } from "./status.ts";

/** What `branchline status --local` prints for people. */

/** Of a kind; more are counted. */
const MOST_ITEMS = 10;

const HEADINGS: Readonly<Record<NodeProblemKind, string>> = {
  StateUnusable: "Records that cannot be trusted",
  LocalRuleMissing: "Rules for table local",
  TrunkMissing: "The trunk",
  VlanTwice: "Branches that two pods claim",
  RecordUnreadable: "Records that cannot be read",
  RecordDiffers: "What differs from the records",
  AgentSilent: "The agent",
  SandboxGone: "Pods that are gone",
  DeviceWithoutRecord: "VLAN devices without a record",
};

export interface NodeTextOptions {
  readonly style: Style;
  readonly width: number | undefined;
}

/** Lines without line breaks. */
export function* nodeLinesOf(
  node: NodeState,
  { style, width }: NodeTextOptions,
): Generator<string, void, undefined> {
  const { problems, gaps, trunk, agent, records } = node;
  for (const kind of new Set(problems.map((one) => one.kind))) yield* problemLines(kind, problems, style);
  if (gaps.length > 0) {
    yield `${style.yellow("unknown")}  ${style.bold("What could not be looked at")}`;
    for (const line of new Set(gaps)) yield `         ${printable(line)}`;
    yield "";
  }
  const device = trunk?.device === undefined ? "" : ` ${trunk.device}, ${trunk.isUp ? "up" : "down"},`;
  yield `Trunk:${trunk === undefined ? " not known" : `${device} ${trunk.mac}`}`;
  yield `Agent: ${agent === "answers" ? "its socket answers" : agent === "silent" ? style.red("silent") : "not known"}`;
  yield "";
  const table = columnLines(columns(style), records, style, width);
  if (table.length > 0) {
    yield style.bold("Records");
    yield* table;
    yield "";
  }
  const count = (severity: NodeProblem["severity"]) =>
    problems.filter((one) => one.severity === severity).length;
  const found =
    problems.length === 0
      ? "no problems"
      : `${counted(count("problem"), "problem")}, ${counted(count("warning"), "warning")}`;
  const unseen = gaps.length === 0 ? "" : "; not everything could be looked at";
  yield `${counted(records.length, "record")} on this node: ${found}${unseen}`;
}

function* problemLines(kind: NodeProblemKind, problems: readonly NodeProblem[], style: Style) {
  const its = problems.filter((one) => one.kind === kind);
  const isProblem = its.some(({ severity }) => severity === "problem");
  yield `${isProblem ? style.red("problem") : style.yellow("warning")}  ${style.bold(HEADINGS[kind])} (${its.length})`;
  for (const { about, message } of its.slice(0, MOST_ITEMS))
    yield `         ${printable(`${about}: ${message}`)}`;
  if (its.length > MOST_ITEMS) yield `         and ${its.length - MOST_ITEMS} more (-o json has all)`;
  yield "";
}

function columns(style: Style): readonly Column<RecordState>[] {
  const states: Readonly<Record<RecordStateName, string>> = {
    whole: "whole",
    changing: style.yellow("changing"),
    differs: style.red("differs"),
    gone: style.yellow("gone"),
    unreadable: style.red("unreadable"),
  };
  return [
    { head: "POD", cell: (one) => printable(ownerOf(one)) },
    { head: "VLAN", cell: ({ vlan }) => String(vlan) },
    { head: "BRANCH", cell: ({ record }) => record?.eniId ?? "", leaves: 3 },
    {
      head: "DATAPATH",
      cell: ({ record }) =>
        record === undefined ? "" : record.datapath === "routed" ? `routed ${record.mode}` : record.datapath,
      leaves: 2,
    },
    { head: "ADDRESSES", cell: ({ record }) => record?.addresses.join(", ") ?? "", leaves: 4 },
    {
      head: "RULES",
      cell: ({ rules }) => (rules === undefined ? "" : `${rules.found} of ${rules.wanted}`),
      leaves: 1,
    },
    { head: "STATE", cell: ({ state }) => states[state] },
  ];
}
