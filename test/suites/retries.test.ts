import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { useScratch } from "../unit/scratch.ts";
import type { TestCase } from "vitest/node";
import Retries from "./retries.ts";

const scratch = useScratch();
afterEach(() => {
  vi.unstubAllEnvs();
});

/** A test's result as vitest tells it; one that was skipped has no diagnostic. */
function result(fullName: string, retryCount: number | undefined, isOk = true): TestCase {
  const diagnostic = () => (retryCount === undefined ? undefined : { retryCount });
  const module = { relativeModuleId: "test/a.test.ts" };
  return { fullName, module, diagnostic, ok: () => isOk } as unknown as TestCase;
}

it("writes the names of the tests that passed when tried again, and no others", () => {
  const file = join(scratch.path, "retries.json");
  vi.stubEnv("RETRIES", file);
  const reporter = new Retries();
  const results = [
    result("once", 0),
    result("b > twice", 1),
    result("skipped", undefined),
    result("failed", 1, false),
  ];
  for (const each of results) reporter.onTestCaseResult(each);
  reporter.onTestRunEnd();
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(["test/a.test.ts > b > twice"]);
});

it("writes an empty list, which a run that broke off does not", () => {
  const file = join(scratch.path, "retries.json");
  vi.stubEnv("RETRIES", file);
  new Retries().onTestRunEnd();
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual([]);
});

it("fails without a file to write to", () => {
  vi.stubEnv("RETRIES", undefined);
  expect(() => new Retries().onTestRunEnd()).toThrow("RETRIES names no file");
});
