/** A reporter of vitest that writes the tests that passed in a second try, a JSON list of names, to the file RETRIES. */
import { writeFileSync } from "node:fs";
import type { Reporter, TestCase } from "vitest/node";

export default class Retries implements Reporter {
  readonly #names: string[] = [];

  onTestCaseResult(test: TestCase): void {
    if ((test.diagnostic()?.retryCount ?? 0) === 0 || !test.ok()) return;
    this.#names.push(`${test.module.relativeModuleId} > ${test.fullName}`);
  }

  onTestRunEnd(): void {
    const file = process.env["RETRIES"];
    if (file === undefined) throw new Error("RETRIES names no file");
    writeFileSync(file, JSON.stringify(this.#names));
  }
}
