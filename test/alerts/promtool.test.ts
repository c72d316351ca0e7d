// Alerts and dashboard by Prometheus' own promtool: every expression is one, and every alert fires when it should.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { run } from "../ground/run.ts";
import { ALERTS, ALERT_FILES, DASHBOARD, MONITORING } from "../operations/monitoring.ts";
import { prometheusDirectory } from "../setup/prometheus.ts";
import { useScratch } from "../unit/scratch.ts";
import { CASES, type Case } from "./cases.ts";

const scratch = useScratch();
const FILES = ALERT_FILES.map((file) => path.join(MONITORING, file));

async function promtool(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await run([path.join(prometheusDirectory(), "promtool"), ...args]);
  return status === 0 ? "" : `${stdout}${stderr}`;
}

function written(name: string, content: object): string {
  const file = path.join(scratch.path, name);
  writeFileSync(file, stringify(content));
  return file;
}

it("every rule is one that Prometheus takes, and lints", async () => {
  expect(await promtool("check", "rules", "--lint=all", "--lint-fatal", ...FILES)).toBe("");
});

it("every expression of the dashboard is one", async () => {
  const rules = DASHBOARD.panels.flatMap(({ id, targets = [] }) =>
    targets.map(({ expr }, index) => ({
      record: `panel:${id}:${index}`,
      expr: expr.replaceAll("$__rate_interval", "5m"),
    })),
  );
  expect(rules.length).toBeGreaterThan(20);
  expect(
    await promtool("check", "rules", written("dashboard.yaml", { groups: [{ name: "dashboard", rules }] })),
  ).toBe("");
});

describe.each(ALERTS.map(({ alert }) => alert))("%s", (alert) => {
  const its = CASES.filter((one) => one.alert === alert);

  it("has cases in which it fires, and cases in which it does not", () => {
    expect(its.filter(({ fires }) => fires.length > 0)).not.toEqual([]);
    expect(its.filter(({ fires }) => fires.length === 0)).not.toEqual([]);
  });

  it.each(its.map((one) => [one.fires.length > 0 ? "fires" : "is quiet", one.what, one] as const))(
    "%s %s",
    async (_fires, _what, one) => {
      const before = { ...one, minutes: one.minutes - 1, fires: [] };
      const tests = [one, ...(one.fires.length > 0 ? [before] : [])].map(testOf);
      const test = { rule_files: FILES, evaluation_interval: "1m", tests };
      expect(await promtool("test", "rules", written("test.yaml", test))).toBe("");
    },
  );
});

function testOf({ alert, series, minutes, fires }: Case): object {
  const rule = ALERTS.find((each) => each.alert === alert);
  const exp_alerts = fires.map(({ labels, summary }) => ({
    exp_labels: { ...labels, ...rule?.labels },
    exp_annotations: {
      summary,
      description: (rule?.annotations["description"] ?? "").replaceAll(
        /\{\{ \$labels\.(\w+) \}\}/g,
        (_all, label: string) => labels[label] ?? "",
      ),
    },
  }));
  return {
    interval: "1m",
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [{ eval_time: `${minutes}m`, alertname: alert, exp_alerts }],
  };
}
