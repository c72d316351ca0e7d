import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { useScratch } from "../unit/scratch.ts";
import { suites, type Suite } from "./manifest.ts";
import { readOutcome } from "./outcome.ts";

const unit = suites(1).find(({ name }) => name === "unit") as Suite;
const checks = suites(1).find(({ name }) => name === "static") as Suite;

const scratch = useScratch();

function left(files: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(files)) {
    writeFileSync(join(scratch.path, name), typeof value === "string" ? value : JSON.stringify(value));
  }
}

const report = {
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 1,
  numTodoTests: 0,
  success: true,
  startTime: 1,
  testResults: [],
};
const whole = {
  "unit.json": report,
  "unit.retries.json": [],
  "unit.end.json": { status: 0, seconds: 7 },
};

it("passes with a report, an end and the list of retries", () => {
  left({ ...whole, "unit.kernel": "6.1.0" });
  expect(readOutcome(scratch.path, unit)).toMatchObject({ defect: undefined, seconds: 7, kernel: "6.1.0" });
});

it.each<{ what: string; files: Readonly<Record<string, unknown>>; defect: RegExp }>([
  { what: "nothing", files: {}, defect: /no report; it did not end/ },
  { what: "no end", files: { ...whole, "unit.end.json": "" }, defect: /^it did not end$/ },
  {
    what: "a status",
    files: { ...whole, "unit.end.json": { status: 3, seconds: 1 } },
    defect: /exit status 3/,
  },
  {
    what: "half a report",
    files: { ...whole, "unit.json": '{"numPassed' },
    defect: /Cannot read the report/,
  },
  {
    what: "no test",
    files: { ...whole, "unit.json": { ...report, numPassedTests: 0 } },
    defect: /no test ran/,
  },
  { what: "no list of retries", files: { ...whole, "unit.retries.json": "" }, defect: /retried/ },
  {
    what: "a guest that panicked later",
    files: { ...whole, "unit.guest": "The guest panicked" },
    defect: /panicked/,
  },
])("does not pass with $what", ({ files, defect }) => {
  left(files);
  expect(readOutcome(scratch.path, unit).defect).toMatch(defect);
});

it("asks no report of checks that are no tests, but their status", () => {
  left({ "static.end.json": { status: 0, seconds: 1 } });
  expect(readOutcome(scratch.path, checks).defect).toBeUndefined();
  left({ "static.end.json": { status: 2, seconds: 1 } });
  expect(readOutcome(scratch.path, checks).defect).toBe("exit status 2");
});

it("keeps the names of retried tests", () => {
  left({ ...whole, "unit.retries.json": ["a > b"] });
  expect(readOutcome(scratch.path, unit)).toMatchObject({ retried: ["a > b"], defect: undefined });
});
