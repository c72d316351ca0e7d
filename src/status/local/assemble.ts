import type { Source } from "../../doctor/facts.ts";
import { podName } from "../../state/record.ts";
import type { NodeFacts, RecordFact } from "./facts.ts";
import type { NodeProblem, NodeState, RecordState, RecordStateName, TrunkState } from "./status.ts";

/** From what a node shows to what is said of it. Pure. */

/** An ADD or a DEL takes less, or has been killed. */
const MOMENT_MS = 30_000;

export function assembleNode(facts: NodeFacts): NodeState {
  const { now, socketProblem } = facts;
  const records = (valueOf(facts.records) ?? []).map((one) => recordState(one, now)).toSorted(byVlan);
  const trunk = trunkOf(facts, records);
  const named = new Set(records.map(({ vlan }) => vlan));
  const strangers = (valueOf(facts.devices) ?? []).filter(({ vlan }) => !named.has(vlan));
  return {
    now,
    problems: problemsOf(facts, records, trunk, strangers),
    gaps: gapsOf(facts),
    trunk,
    agent: "missing" in socketProblem ? "unknown" : socketProblem.value === undefined ? "answers" : "silent",
    records,
    strangers,
  };
}

function valueOf<T>(source: Source<T>): T | undefined {
  return "value" in source ? source.value : undefined;
}

function gapsOf({ now: _, ...sources }: NodeFacts): readonly string[] {
  return Object.values(sources).flatMap((source: Source<unknown>) =>
    "missing" in source ? [source.missing] : [],
  );
}

function byVlan(a: RecordState, b: RecordState): number {
  return a.vlan - b.vlan || (a.file < b.file ? -1 : 1);
}

function recordState({ file, vlan, writtenAt, record, found }: RecordFact, now: number): RecordState {
  if ("why" in record)
    return {
      file,
      vlan,
      state: "unreadable",
      record: undefined,
      differences: [record.why],
      rules: undefined,
    };
  const differences = found?.differences ?? [];
  const isFresh = now - writtenAt < MOMENT_MS;
  const differs: RecordStateName = isFresh ? "changing" : "differs";
  const state = found === undefined ? "gone" : differences.length === 0 ? "whole" : differs;
  return { file, vlan, state, record, differences, rules: found?.rules };
}

/** As trunk.json names it; where the plugin's entry does, as the records do. */
function trunkOf({ trunk }: NodeFacts, records: readonly RecordState[]): TrunkState | undefined {
  const value = valueOf(trunk);
  if (value === undefined) return undefined;
  const mac = value.mac ?? records.flatMap(({ record }) => record?.trunk.mac ?? [])[0];
  if (mac === undefined) return undefined;
  const device = value.devices.find((one) => one.mac === mac);
  return { mac, device: device?.name, isUp: device?.isUp ?? false };
}

/** The worst first. */
function problemsOf(
  facts: NodeFacts,
  records: readonly RecordState[],
  trunk: TrunkState | undefined,
  strangers: NodeState["strangers"],
): readonly NodeProblem[] {
  const stateProblem = valueOf(facts.stateProblem);
  const socketProblem = valueOf(facts.socketProblem);
  const all = [
    ...(stateProblem === undefined ? [] : [problem("StateUnusable", "the state directory", stateProblem)]),
    ...localRuleProblems(facts, records),
    ...("value" in facts.trunk ? trunkProblems(trunk) : []),
    ...twice(records),
    ...records.flatMap(recordProblems),
    ...(socketProblem === undefined ? [] : [problem("AgentSilent", "the agent", socketProblem)]),
    ...strangers.map(({ name, vlan }) =>
      warning("DeviceWithoutRecord", name, `VLAN id ${vlan}: it is aws-cni's, or was left behind`),
    ),
  ];
  return all.toSorted((a, b) => Number(a.severity === "warning") - Number(b.severity === "warning"));
}

function problem(kind: NodeProblem["kind"], about: string, message: string): NodeProblem {
  return { severity: "problem", kind, about, message };
}

function warning(kind: NodeProblem["kind"], about: string, message: string): NodeProblem {
  return { severity: "warning", kind, about, message };
}

function localRuleProblems(facts: NodeFacts, records: readonly RecordState[]): readonly NodeProblem[] {
  const hasStrict = records.some(({ record }) => record?.datapath === "routed" && record.mode === "strict");
  return (valueOf(facts.localRules) ?? []).flatMap(({ family, place }) => {
    const about = `IPv${family}`;
    if (place === "missing")
      return [
        problem(
          "LocalRuleMissing",
          about,
          "there is no rule for table local, so the node accepts no packets",
        ),
      ];
    // A pod may have the other family only.
    const concerns = records.some(({ record }) =>
      record?.addresses.some((address) => address.includes(":") === (family === 6)),
    );
    return place === "before" && hasStrict && concerns
      ? [problem("LocalRuleMissing", about, "the rule for table local is before those of strict mode")]
      : [];
  });
}

function trunkProblems(trunk: TrunkState | undefined): readonly NodeProblem[] {
  if (trunk === undefined)
    return [warning("TrunkMissing", "the trunk", "trunk.json is not there: no trunk is known")];
  if (trunk.device === undefined)
    return [problem("TrunkMissing", "the trunk", `no device has its MAC ${trunk.mac}`)];
  return trunk.isUp ? [] : [problem("TrunkMissing", "the trunk", `its device ${trunk.device} is down`)];
}

/** Two records of one VLAN id or one ENI: two pods claim one branch. */
function twice(records: readonly RecordState[]): readonly NodeProblem[] {
  const holders = new Map<string, string[]>();
  for (const one of records) {
    const { vlan, record } = one;
    for (const what of [`VLAN id ${vlan}`, ...(record === undefined ? [] : [record.eniId])])
      holders.set(what, [...(holders.get(what) ?? []), ownerOf(one)]);
  }
  return [...holders].flatMap(([what, who]) =>
    who.length > 1 ? [problem("VlanTwice", what, `it is of ${who.join(" and ")}`)] : [],
  );
}

function recordProblems(one: RecordState): readonly NodeProblem[] {
  const { state, differences, file } = one;
  switch (state) {
    case "unreadable":
      return differences.map((why) => problem("RecordUnreadable", file, why));
    case "differs":
      return differences.map((text) => problem("RecordDiffers", ownerOf(one), text));
    case "gone":
      return [warning("SandboxGone", ownerOf(one), "its network namespace is gone, and DEL has not come")];
    case "whole":
    case "changing":
      return [];
  }
}

/** For people: the pod, or the file. */
export function ownerOf({ record, file }: RecordState): string {
  return record === undefined ? file : podName(record.pod);
}
