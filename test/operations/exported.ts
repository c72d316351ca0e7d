// What agent and controller export, from their own registries: each metric with its labels.
import { agentMetrics } from "../../src/agent/figures.ts";
import { Conditions } from "../../src/agent/conditions.ts";
import { webhookFigures } from "../../src/controller/admission/figures.ts";
import { controllerMetrics } from "../../src/controller/figures.ts";
import type { Metrics } from "../../src/telemetry/metrics.ts";

/** Labels by the names of samples: a histogram has three. */
export type Exported = ReadonlyMap<string, ReadonlySet<string>>;

const ignored = () => undefined;
const cache = {
  isComplete: true,
  isMissing: false,
  isFollowing: true,
  heardAt: 0,
  listedAt: 0,
  resourceVersion: "1",
  problem: undefined,
};

export function exportedByAgent(): Promise<Exported> {
  const { metrics, answered } = agentMetrics(
    {
      version: "1",
      conditions: new Conditions(ignored),
      caches: () => [["pods", cache]],
      now: () => 0,
      attachments: () => 0,
      escaped: () => 0,
      unenforced: () => 0,
      repairs: () => 0,
      restored: () => 0,
      collected: () => 0,
    },
    failing,
  );
  answered("branch", 1);
  return samplesOf(metrics);
}

/** The webhook's too. */
export function exportedByController(): Promise<Exported> {
  const { metrics, actionEnded, callEnded, passBegan } = controllerMetrics(
    {
      version: "1",
      conditions: { all: () => [["Leading", { isTrue: true, why: "" }]] },
      caches: () => [["pods", cache]],
      now: () => 0,
      isLeader: () => true,
      queueDepth: () => 0,
      oldestPass: () => 0,
      branches: () => new Map([["found", 0]]),
      trunks: () => 0,
      budgets: () => [["DescribeInstances", { calls: 0, waitedSeconds: 0, throttled: 0, waiting: 0 }]],
      evicted: () => 0,
      policyStatuses: () => 0,
    },
    failing,
  );
  actionEnded("CreateBranch", "ok", 1);
  callEnded({ action: "DescribeInstances", outcome: "ok", seconds: 1 });
  passBegan(1);
  webhookFigures(metrics, ignored)("asks", 1);
  return samplesOf(metrics);
}

/** Metrics, each with one label at most: `name` or `name{label}`, as the tables of docs have them. */
export function rowsOf(exported: Exported): string[] {
  const rows = [...exported].flatMap(([name, labels]) => {
    if (!name.startsWith("branchline_") || /_(sum|bucket)$/.test(name)) return [];
    const [label] = labels;
    return `${name.replace(/_count$/, "")}${label === undefined ? "" : `{${label}}`}`;
  });
  return rows.sort();
}

async function samplesOf(metrics: Metrics): Promise<Exported> {
  const samples = new Map<string, Set<string>>();
  for (const line of (await metrics.text()).split("\n")) {
    const [, name, labels = ""] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? [];
    if (name === undefined) continue;
    const known = samples.get(name) ?? new Set();
    for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) known.add(label);
    samples.set(name, known);
  }
  return samples;
}

function failing(message: string): never {
  throw new Error(message);
}
