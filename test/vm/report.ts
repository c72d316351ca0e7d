import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { repository } from "./repository.ts";

/** What a vitest JSON report says, as far as we look. */
export interface Report {
  readonly passed: number;
  readonly failed: number;
  /** Not run: skipped or still to be written. */
  readonly skipped: number;
  /** vitest's own word; false also when a file could not be loaded, which fails no test. */
  readonly success: boolean;
  readonly seconds: number;
  /** The kernel the tests ran on, where the harness noted it. */
  readonly kernel: string | undefined;
  /** What failed, a line each: "test/unit/x.test.ts > name of the test: first line of the message". */
  readonly failures: readonly string[];
}

function count(fields: Readonly<Record<string, unknown>>, name: string): number {
  const value = fields[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new TypeError(`"${name}" is no count: ${JSON.stringify(value)}`);
  }
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function endTime(result: unknown): number {
  return isRecord(result) && typeof result["endTime"] === "number" ? result["endTime"] : 0;
}

function firstLine(text: unknown): string {
  return typeof text === "string" ? (text.split("\n")[0] ?? "").trim() : "";
}

/** The tests of a file that failed; the file itself when it could not be loaded. */
function failuresOf(result: unknown): string[] {
  if (!isRecord(result) || result["status"] !== "failed") return [];
  const file =
    typeof result["name"] === "string" ? relative(repository, result["name"]) : "a file without a name";
  const tests: readonly unknown[] = Array.isArray(result["assertionResults"])
    ? result["assertionResults"]
    : [];
  const failed = tests.flatMap((test) => {
    if (!isRecord(test) || test["status"] !== "failed") return [];
    const messages: readonly unknown[] = Array.isArray(test["failureMessages"])
      ? test["failureMessages"]
      : [];
    return [`${file} > ${String(test["fullName"])}: ${firstLine(messages[0])}`];
  });
  return failed.length > 0 ? failed : [`${file}: ${firstLine(result["message"])}`];
}

/** Reads a vitest JSON report; throws when it is none. */
export function parseReport(text: string): Report {
  const fields: unknown = JSON.parse(text);
  if (!isRecord(fields)) throw new TypeError("Not a JSON object");
  const results = fields["testResults"];
  if (!Array.isArray(results)) throw new TypeError(`"testResults" is no list`);
  const start = count(fields, "startTime");
  const end = Math.max(start, ...results.map(endTime));
  const kernel = fields["kernel"];
  return {
    passed: count(fields, "numPassedTests"),
    failed: count(fields, "numFailedTests"),
    skipped: count(fields, "numPendingTests") + count(fields, "numTodoTests"),
    success: fields["success"] === true,
    seconds: (end - start) / 1000,
    kernel: typeof kernel === "string" ? kernel : undefined,
    failures: results.flatMap(failuresOf),
  };
}

/** Reads a report from a file; undefined when there is no such file. */
export function readReport(path: string): Report | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return parseReport(text);
  } catch (cause) {
    throw new Error(`Cannot read the report ${path}: ${cause instanceof Error ? cause.message : ""}`, {
      cause,
    });
  }
}

/** Why a report proves nothing, in a few words; undefined when it proves success. */
export function defectOf(report: Report | undefined): string | undefined {
  if (report === undefined) return "no report";
  if (report.failed > 0) return `${report.failed} failed`;
  if (report.passed === 0) return "no test ran";
  if (!report.success) return "not a success, though no test failed";
  return undefined;
}

/** "3 passed, 0 failed, 1 skipped in 12.3 s" */
export function describeReport({ passed, failed, skipped, seconds }: Report): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds.toFixed(1)} s`;
}
