// Alerts and dashboard name what agent and controller export, by labels and values that they have.
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { type Exported, exportedByAgent, exportedByController } from "./exported.ts";
import { ALERTS, DASHBOARD, type Panel } from "./monitoring.ts";
import { namedBy } from "./promql.ts";

/** Of Prometheus itself. */
const ITS_OWN: Exported = new Map([["up", new Set()]]);
/** What a target is known by: the chart's monitors set job and node. */
const OF_TARGETS = ["job", "instance", "node"];

const ROOT = path.resolve(import.meta.dirname, "../..");

async function everything(): Promise<Exported> {
  return new Map([...ITS_OWN, ...(await exportedByAgent()), ...(await exportedByController())]);
}

/** Where values of labels come from: the code, and of `job` the chart's monitors. */
const sources = globSync(
  ["src/{agent,controller,telemetry,state}/**/*.ts", "deploy/chart/templates/monitoring.yaml"],
  { cwd: ROOT },
)
  .filter((file) => !file.endsWith(".test.ts"))
  .map((file) => readFileSync(path.join(ROOT, file), "utf8"))
  .join("\n");

const EXPRESSIONS: readonly (readonly [string, string])[] = [
  ...ALERTS.map(({ alert, expr }) => [alert, expr] as const),
  ...DASHBOARD.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
];

describe.each(EXPRESSIONS)("%s: %s", (_what, expr) => {
  it("names metrics that are exported, by labels and values that they have", async () => {
    const exported = await everything();
    const { metrics, matchers, groupings } = namedBy(expr);
    expect(metrics).not.toEqual([]);
    expect(metrics.filter((name) => !exported.has(name))).toEqual([]);
    const labels = new Set([...OF_TARGETS, ...metrics.flatMap((name) => [...(exported.get(name) ?? [])])]);
    expect(groupings.filter((label) => !labels.has(label))).toEqual([]);
    for (const { metric, label, values } of matchers) {
      expect([...OF_TARGETS, ...(exported.get(metric) ?? [])]).toContain(label);
      // A node is chosen by whoever looks.
      if (label === "node") continue;
      for (const word of values.flatMap((value) => value.split(" ")))
        expect(sources, `${label}="${word}"`).toContain(`"${word}"`);
    }
  });
});

describe("alerts", () => {
  it("have names of their own, a severity, and words in which every label is one that they have", async () => {
    const exported = await everything();
    expect(new Set(ALERTS.map(({ alert }) => alert)).size).toBe(ALERTS.length);
    expect(ALERTS.length).toBeGreaterThan(10);
    for (const { alert, expr, labels, annotations } of ALERTS) {
      expect(alert).toMatch(/^Branchline[A-Z]/);
      expect(Object.keys(labels)).toEqual(["severity"]);
      expect(["critical", "warning"]).toContain(labels["severity"]);
      expect(Object.keys(annotations)).toEqual(["summary", "description"]);
      const [first = ""] = namedBy(expr).metrics;
      const grouped = /^\w+ by \(([^)]*)\)/.exec(expr)?.[1]?.split(/, */);
      const known = grouped ?? [...OF_TARGETS, ...(exported.get(first) ?? [])];
      const used = [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
      expect(used.filter((label) => !known.includes(label ?? ""))).toEqual([]);
    }
  });

  it("tell of each condition that an agent has to have, and of those that limit it", () => {
    const needed = /NEEDED = \[(.*?)\]/s.exec(
      readFileSync(path.join(ROOT, "src/agent/conditions.ts"), "utf8"),
    );
    const conditionsOf = (name: string) =>
      namedBy(ALERTS.find(({ alert }) => alert === name)?.expr ?? "").matchers[0]?.values;
    expect(conditionsOf("BranchlineAgentNotReady")).toEqual(
      [...(needed?.[1] ?? "").matchAll(/"(\w+)"/g)].map(([, name]) => name),
    );
    // TrunkFound is false for good on instance types that can have none.
    expect(conditionsOf("BranchlineAgentLimited")).toEqual(["FeatureDeclared", "NamespacesVisible"]);
  });
});

describe("the dashboard", () => {
  it("has panels with ids of their own, beside each other and below, and none over another", () => {
    const { panels } = DASHBOARD;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const overlap = ({ gridPos: one }: Panel, { gridPos: other }: Panel) =>
      one.x < other.x + other.w &&
      other.x < one.x + one.w &&
      one.y < other.y + other.h &&
      other.y < one.y + one.h;
    for (const panel of panels) {
      expect(panel.gridPos.x + panel.gridPos.w).toBeLessThanOrEqual(24);
      expect(panels.filter((other) => other !== panel && overlap(panel, other))).toEqual([]);
    }
  });

  it("shows every metric of ours, and uses no variable that it does not have", async () => {
    const shown = new Set(
      DASHBOARD.panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => namedBy(expr).metrics)),
    );
    const ours = [...(await everything()).keys()].filter((name) => name.startsWith("branchline_"));
    const of = (name: string) => name.replace(/_(bucket|sum|count)$/, "");
    const missing = ours.filter((name) => ![...shown].some((each) => of(each) === of(name)));
    expect(missing).toEqual([]);
    const variables = ["__rate_interval", ...DASHBOARD.templating.list.map(({ name }) => name)];
    const text = JSON.stringify(DASHBOARD.panels);
    const used = [...text.matchAll(/\$\{?(\w+)/g)].map(([, name = ""]) => name);
    expect([...new Set(used)].filter((name) => !variables.includes(name))).toEqual([]);
  });
});

describe("what an expression names", () => {
  it.each([
    ['up{job="a"} == 0', ["up"]],
    ["(sum(a) or vector(0)) != 1", ["a"]],
    ['a{x="b"} > 0 unless on (instance) increase(c_count{y="d e"}[30m]) > 0', ["a", "c_count"]],
    ["histogram_quantile(0.99, sum by (le, x) (rate(a_bucket[$__rate_interval])))", ["a_bucket"]],
    ["a > 0 and a - time() < 86400", ["a"]],
    ["topk(10, a) * 3.6e3", ["a"]],
  ])("%s", (expr, metrics) => {
    expect(namedBy(expr).metrics).toEqual(metrics);
  });
});
