// Defects of the verdict as patches: each is found by its table tests, of which the patch names one.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, expect, it } from "vitest";
import { copyWith, plantsIn } from "../planted/copies.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const MOST_MS = 300_000;
/** A copy without a defect: what fails there shows nothing. */
const SOUND = "sound";

const plants = plantsIn("verdict");
/** Names of the tests that failed, by the copy; those of one that does not apply, why. */
const failed = new Map<string, string[]>();

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

beforeAll(() => {
  const directory = mkdtempSync(path.join(tmpdir(), "branchline-planted-"));
  try {
    symlinkSync(path.join(ROOT, "node_modules"), path.join(directory, "node_modules"));
    copyWith(directory, SOUND, "verdict", undefined);
    for (const { name, file } of plants) copyWith(directory, name, "verdict", file);
    for (const { name, message, assertionResults } of testAll(directory).testResults) {
      const [copy = ""] = path.relative(directory, name).split(path.sep);
      const names = assertionResults
        .filter(({ status }) => status === "failed")
        .map(({ fullName }) => fullName);
      const all = assertionResults.length === 0 ? [`no test: ${message}`] : names;
      failed.set(copy, [...(failed.get(copy) ?? []), ...all]);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}, MOST_MS);

/** The table tests of all copies in one process. */
function testAll(directory: string): Report {
  const report = path.join(directory, "report.json");
  const config = path.join(directory, "vitest.config.mjs");
  writeFileSync(
    config,
    'export default { test: { include: ["*/src/verdict/*.test.ts"], isolate: false, passWithNoTests: false } };\n',
  );
  const args = ["run", "--root", directory, "--config", config, "--reporter=json", `--outputFile=${report}`];
  const { stderr } = spawnSync(
    process.execPath,
    [path.join(ROOT, "node_modules/vitest/vitest.mjs"), ...args],
    {
      cwd: directory,
      encoding: "utf8",
      timeout: MOST_MS,
    },
  );
  try {
    return JSON.parse(readFileSync(report, "utf8")) as Report;
  } catch (error) {
    throw new Error(`no report: ${stderr}`, { cause: error });
  }
}

it("nothing fails without a defect", () => {
  expect(failed.get(SOUND)).toEqual([]);
});

it.each(plants)("$name is found", ({ name, header }) => {
  const tables = header("Tables");
  expect(tables).toBeDefined();
  expect(failed.get(name)?.join("\n")).toMatch(new RegExp(tables ?? ""));
});
