// docs/operations.md names what there is: metrics, alerts, values, flags, checks. docs/agent.md has every metric of the agent.
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { exportedByAgent, exportedByController, rowsOf } from "./exported.ts";
import { ALERTS } from "./monitoring.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(path.join(ROOT, file), "utf8");
const PAGE = read("docs/operations.md");

/** The rows of the first table in a section, as cells. */
function rows(page: string, section: string): string[][] {
  const text = page.split(`\n## ${section}\n`)[1]?.split("\n## ")[0] ?? "";
  const lines = (/(?:^\|.*\n)+/m.exec(text)?.[0] ?? "").trim().split("\n");
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const found = (pattern: RegExp) =>
  [...new Set([...PAGE.matchAll(pattern)].map(([, name = ""]) => name))].sort();

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

/** Paths of all values that the chart's schema knows. */
function valuePaths(): Set<string> {
  const whole = JSON.parse(read("deploy/chart/values.schema.json")) as Schema;
  const paths = new Set<string>();
  const walk = (schema: Schema, prefix: string) => {
    const known =
      schema.$ref === undefined ? schema : whole.definitions?.[schema.$ref.split("/").at(-1) ?? ""];
    for (const [key, value] of Object.entries(known?.properties ?? {})) {
      paths.add(`${prefix}${key}`);
      walk(value, `${prefix}${key}.`);
    }
  };
  walk(whole, "");
  return paths;
}

describe("docs/operations.md has", () => {
  it("no metric that is not exported", async () => {
    const known = [...(await exportedByAgent()).keys(), ...(await exportedByController()).keys()].map(
      (name) => name.replace(/_(bucket|sum|count)$/, ""),
    );
    const named = found(/`(branchline_\w+)/g);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  it("every alert with its severity, and no other", () => {
    const table = rows(PAGE, "Alerts").map(([alert, severity]) => [alert, severity]);
    const names = table.map(([alert]) => alert);
    expect(names).toEqual([...new Set(names)]);
    expect(table).toEqual(ALERTS.map(({ alert, labels }) => [alert, labels["severity"]]));
  });

  it("no value that the chart does not know", () => {
    const paths = valuePaths();
    const tops = new Set([...paths].filter((each) => !each.includes(".")));
    const named = found(/`([a-z][A-Za-z]*(?:\.[A-Za-z]+)*)(?:: [^`]*)?`/g).filter((name) =>
      tops.has(name.split(".")[0] ?? ""),
    );
    expect(named).toEqual(expect.arrayContaining(["entry.datapath", "controller.mode", "metrics.listen"]));
    expect(named.filter((name) => !paths.has(name))).toEqual([]);
  });

  it("no check of doctor that is none", () => {
    const checks = globSync("bl*.ts", { cwd: path.join(ROOT, "src/doctor/checks") }).map((file) =>
      file.slice(0, 5).toUpperCase(),
    );
    expect(found(/\b(BL\d{3})\b/g).filter((code) => !checks.includes(code))).toEqual([]);
    expect(found(/\b(BL\d{3})\b/g)).not.toEqual([]);
  });

  it("no event that nobody says", () => {
    const sources = globSync("src/{agent,controller}/**/*.ts", { cwd: ROOT })
      .filter((file) => !file.endsWith(".test.ts"))
      .map(read)
      .join("\n");
    const named = found(/\b((?:Trunk|List|Pod|Network)[A-Z][a-z]+(?:[A-Z][a-z]+)*)\b/g);
    const others = ["TrunkFound", "NetworkPolicy", "NetworkPolicies", "PodMonitor", "TrunksAllowed"];
    const events = named.filter((name) => !others.includes(name));
    expect(events).toEqual(expect.arrayContaining(["ListRepaired", "PodUnprotected", "TrunkNoSlot"]));
    expect(events.filter((name) => !sources.includes(`"${name}"`))).toEqual([]);
  });
});

it("docs/agent.md has every metric of the agent, with its label", async () => {
  const table = rows(read("docs/agent.md"), "Metrics").map(([metric = ""]) => metric);
  expect(table.toSorted()).toEqual(rowsOf(await exportedByAgent()));
});
