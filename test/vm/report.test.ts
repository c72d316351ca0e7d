import { join } from "node:path";
import { expect, test } from "vitest";
import { defectOf, parseReport, readReport, type Report } from "./report.ts";
import { summarize } from "./summarize.ts";

const json = {
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 1,
  numTodoTests: 1,
  success: true,
  startTime: 1000,
  testResults: [{ endTime: 3500 }, { endTime: 2000 }],
};
const report: Report = { passed: 3, failed: 0, skipped: 2, success: true, seconds: 2.5, kernel: undefined };

test("vitest's report is read", () => {
  expect(parseReport(JSON.stringify(json))).toEqual(report);
  expect(parseReport(JSON.stringify({ ...json, kernel: "6.1.0" })).kernel).toBe("6.1.0");
});

test.each([
  ["half a file", '{"numPassedTests": 3', "JSON"],
  ["another JSON", "[]", "Not a JSON object"],
  ["no counts", '{"success": true, "testResults": []}', '"startTime"'],
  ["a count that is none", JSON.stringify({ ...json, numFailedTests: "0" }), '"numFailedTests"'],
])("%s is refused", (_, text, reason) => {
  expect(() => parseReport(text)).toThrow(reason);
});

test("a missing report is not an error yet", () => {
  expect(readReport(join(import.meta.dirname, "no-such-report.json"))).toBeUndefined();
});

test.each<[string, Report | undefined, string | undefined]>([
  ["success", report, undefined],
  ["nothing", undefined, "no report"],
  ["a failure", { ...report, failed: 1, success: false }, "1 failed"],
  ["only skipped tests", { ...report, passed: 0 }, "no test ran"],
  ["a file that did not load", { ...report, success: false }, "not a success, though no test failed"],
])("defect of %s", (_, given, defect) => {
  expect(defectOf(given)).toBe(defect);
});

test("a summary has a line for each report and the totals last", () => {
  const reports = [
    { name: "unit", report },
    { name: "kernel-6.1", report: { ...report, kernel: "6.1.0-56-amd64" } },
  ];
  expect(summarize(reports)).toEqual({
    ok: true,
    lines: [
      "unit: 3 passed, 0 failed, 2 skipped in 2.5 s",
      "kernel-6.1 (6.1.0-56-amd64): 3 passed, 0 failed, 2 skipped in 2.5 s",
      "6 passed, 0 failed",
    ],
  });
});

test.each([
  ["missing", undefined, "3 passed, 1 failed"],
  ["unreadable", new Error("Cannot read"), "3 passed, 1 failed"],
  ["empty", { ...report, passed: 0 }, "3 passed, 1 failed"],
  ["failed", { ...report, passed: 1, failed: 2, success: false }, "4 passed, 2 failed"],
])("one report %s: the summary fails and counts it", (_, other, totals) => {
  const summary = summarize([
    { name: "unit", report },
    { name: "binary", report: other },
  ]);
  expect(summary.ok).toBe(false);
  expect(summary.lines.at(-1)).toBe(totals);
});

test("no report at all is no success", () => {
  expect(summarize([])).toEqual({ ok: false, lines: ["0 passed, 0 failed"] });
});
