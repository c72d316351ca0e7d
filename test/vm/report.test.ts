import { join } from "node:path";
import { expect, test } from "vitest";
import { defectOf, parseReport, readReport, type Report } from "./report.ts";
import { repository } from "./repository.ts";

const json = {
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 1,
  numTodoTests: 1,
  success: true,
  startTime: 1000,
  testResults: [{ endTime: 3500 }, { endTime: 2000 }],
};
const report: Report = {
  passed: 3,
  failed: 0,
  skipped: 2,
  success: true,
  seconds: 2.5,
  kernel: undefined,
  failures: [],
};

test("vitest's report is read", () => {
  expect(parseReport(JSON.stringify(json))).toEqual(report);
  expect(parseReport(JSON.stringify({ ...json, kernel: "6.1.0" })).kernel).toBe("6.1.0");
});

test("each test that failed is named with what it said first; a file that did not load, too", () => {
  const passed = { status: "passed", fullName: "a passes", failureMessages: [] };
  const failed = {
    status: "failed",
    fullName: "a fails",
    failureMessages: ["Error: 1 is not 2\n    at x", "more"],
  };
  const testResults = [
    { name: join(repository, "test/a.test.ts"), status: "failed", assertionResults: [passed, failed] },
    {
      name: join(repository, "test/b.test.ts"),
      status: "failed",
      assertionResults: [],
      message: "No such module\n",
    },
    { name: join(repository, "test/c.test.ts"), status: "passed", assertionResults: [passed] },
  ];
  expect(parseReport(JSON.stringify({ ...json, testResults })).failures).toEqual([
    "test/a.test.ts > a fails: Error: 1 is not 2",
    "test/b.test.ts: No such module",
  ]);
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
