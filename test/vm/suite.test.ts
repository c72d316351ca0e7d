import { expect, test } from "vitest";
import { GuestError } from "./errors.ts";
import type { Report } from "./report.ts";
import { judgeSuite, type SuiteRun } from "./suite.ts";

const report: Report = {
  passed: 20,
  failed: 0,
  skipped: 1,
  success: true,
  seconds: 57.84,
  kernel: undefined,
  failures: [],
};
const outcome = { status: 0, release: "6.12.117+deb12-amd64", seconds: 76.6 };
const green: SuiteRun = { name: "6.12", outcome, report };

test("status 0 and a report of successful tests are green", () => {
  expect(judgeSuite(green)).toEqual({
    ok: true,
    line: "kernel 6.12: uname -r 6.12.117+deb12-amd64, whole run 76.6 s; 20 passed, 0 failed, 1 skipped in 57.8 s; ok",
  });
});

// Each from an otherwise green run: nothing else may save it.
test.each<[string, Partial<SuiteRun>, string]>([
  [
    "a guest that brought back no status",
    { outcome: new GuestError("hung", "The guest hung", []) },
    "The guest hung",
  ],
  ["a missing report", { report: undefined }, "no report"],
  ["a report that cannot be read", { report: new Error("Cannot read the report") }, "Cannot read the report"],
  ["a report without tests", { report: { ...report, passed: 0 } }, "no test ran"],
  ["a report of failed tests", { report: { ...report, failed: 2 } }, "2 failed"],
  ["a report that is no success", { report: { ...report, success: false } }, "not a success"],
  ["a status other than 0", { outcome: { ...outcome, status: 1 } }, "the runner exited with 1"],
])("%s is red", (_, part, reason) => {
  const verdict = judgeSuite({ ...green, ...part });
  expect(verdict.ok).toBe(false);
  expect(verdict.line).toContain(`FAILED: ${reason}`);
});
