// docs/controller.md has each event, each metric, each condition and each flag that there is, and no other.
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { exportedByController, rowsOf } from "../operations/exported.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const PAGE = readFileSync(path.join(ROOT, "docs/controller.md"), "utf8");

/** The rows of the table in a section, as cells. */
function rows(section: string): string[][] {
  const text = PAGE.split(`\n## ${section}\n`)[1]?.split("\n## ")[0] ?? "";
  const lines = text.split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function sources(under: string): string {
  const files = globSync(under, { cwd: path.join(ROOT, "src/controller") });
  const own = files.filter((file) => !file.endsWith(".test.ts"));
  return own.map((file) => readFileSync(path.join(ROOT, "src/controller", file), "utf8")).join("\n");
}

const found = (text: string, pattern: RegExp) =>
  [...new Set([...text.matchAll(pattern)].map(([, name = ""]) => name))].sort();

/** As src/controller/policies/status.ts gives them. */
function reasonsOfPolicies(): string[] {
  const source = sources("policies/status.ts");
  const given = found(source, /\breason: "(\w+)"/g);
  const refused = found(source, /\bno\(\s*"(\w+)"/g);
  const short = found(/function shortOf[^]*?\n}/.exec(source)?.[0] ?? "", /"(\w+)"/g);
  return [...new Set([...given, ...refused, ...short])].sort();
}

describe("docs/controller.md has", () => {
  it("every event, and every reason of TrunkReady", () => {
    const events = rows("Events").flatMap(([, event = ""]) => event.split(", "));
    const reasons = found(/The CNINode's condition [^\n]*/.exec(PAGE)?.[0] ?? "", /\b(Trunk(?!Ready)\w+)/g);
    const all = [...new Set([...events, ...reasons])].sort();
    const said = found(sources("**/*.ts"), /\breason: "(\w+)"/g);
    const ofPolicies = found(
      /EVENTS: ReadonlySet<string> = new Set\(\[([^]*?)\]/.exec(sources("policies/reporter.ts"))?.[1] ?? "",
      /"(\w+)"/g,
    );
    expect(ofPolicies.length).toBeGreaterThan(5);
    const isCondition = (reason: string) => reasonsOfPolicies().includes(reason) && !events.includes(reason);
    expect(all).toEqual([...new Set([...said.filter((one) => !isCondition(one)), ...ofPolicies])].sort());
  });

  it("and docs/policies.md each reason of a policy's conditions", () => {
    const page = readFileSync(path.join(ROOT, "docs/policies.md"), "utf8");
    const table = page.split("\n| condition ")[1]?.split("\n\n")[0] ?? "";
    expect([...new Set(found(table, /\| `(\w+)`/g))].sort()).toEqual(reasonsOfPolicies());
  });

  it("every metric, with its label", async () => {
    const metrics = rows("Metrics").map(([metric = ""]) => metric);
    expect(metrics.toSorted()).toEqual(rowsOf(await exportedByController()));
  });

  it("every condition of /readyz", () => {
    const [, needed = "", told = ""] =
      /NEEDED = \[(.*?)\][^]*TOLD = \[(.*?)\]/.exec(sources("**/*.ts")) ?? [];
    const conditions = rows("Readiness").map(([condition = ""]) => condition.split(":")[0] ?? "");
    expect(conditions.sort()).toEqual(found(`${needed} ${told}`, /"(\w+)"/g));
  });

  it("no flag that is none", () => {
    const command = readFileSync(path.join(ROOT, "src/controller/command.ts"), "utf8");
    const flags = found(command, /^ {2}--([a-z-]+)/gm);
    expect(flags.length).toBeGreaterThan(10);
    expect(flags).toEqual(expect.arrayContaining(found(PAGE, /`--([a-z-]+)/g)));
  });
});
