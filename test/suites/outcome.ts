import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defectOf, readReport, type Report } from "../vm/report.ts";
import type { Suite } from "./manifest.ts";

/** What is known of a suite after its run. */
export interface Outcome {
  readonly suite: Suite;
  readonly report: Report | undefined;
  /** As its own clock counts them; undefined when it did not end. */
  readonly seconds: number | undefined;
  /** uname -r, for a guest that came back. */
  readonly kernel: string | undefined;
  /** Names of tests that passed in a second try. */
  readonly retried: readonly string[];
  /** Why it proves nothing; undefined: it passed. */
  readonly defect: string | undefined;
}

/** Reads what play.ts and run.ts left of a suite in the directory. */
export function readOutcome(directory: string, suite: Suite): Outcome {
  const file = (ending: string) => join(directory, `${suite.name}.${ending}`);
  const text = (ending: string) =>
    existsSync(file(ending)) ? readFileSync(file(ending), "utf8") : undefined;
  const end = parse(text("end.json")) as { status: number; seconds: number } | undefined;
  const retried = parse(text("retries.json")) as string[] | undefined;
  const isTested = suite.commands === undefined;
  let report: Report | undefined;
  let unreadable: string | undefined;
  try {
    report = isTested ? readReport(file("json")) : undefined;
  } catch (error) {
    unreadable = error instanceof Error ? error.message : String(error);
  }
  const problems = [
    text("guest")?.trim(),
    unreadable,
    isTested ? defectOf(report) : undefined,
    end === undefined ? "it did not end" : undefined,
    end !== undefined && end.status !== 0 ? `exit status ${end.status}` : undefined,
    isTested && report !== undefined && retried === undefined ? "no list of retried tests" : undefined,
  ].filter((problem) => problem !== undefined);
  return {
    suite,
    report,
    seconds: end?.seconds,
    kernel: text("kernel"),
    retried: retried ?? [],
    defect: problems.length === 0 ? undefined : [...new Set(problems)].join("; "),
  };
}

function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
