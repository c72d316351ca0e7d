import { defectOf, describeReport, type Report } from "./report.ts";

/** One run of the suite: what came back, each part on its own. */
export interface SuiteRun {
  /** "6.12", or "native". */
  readonly name: string;
  /** What the runner exited with, or why that is not known. */
  readonly outcome: { readonly status: number; readonly release: string; readonly seconds: number } | Error;
  /** What vitest wrote, or why it cannot be read; undefined when it wrote nothing. */
  readonly report: Report | Error | undefined;
}

/** What a run proves. */
export interface SuiteVerdict {
  readonly ok: boolean;
  /** One line for a person. */
  readonly line: string;
}

function defectOfRun({ outcome, report }: SuiteRun): string | undefined {
  if (outcome instanceof Error) return outcome.message;
  if (report instanceof Error) return report.message;
  const defect = defectOf(report);
  if (defect !== undefined) return defect;
  // A report that claims success does not outweigh the status, nor the other way round.
  return outcome.status === 0
    ? undefined
    : `the runner exited with ${outcome.status}, whatever the report says`;
}

/** Judges a run: green only if a guest came back with status 0 and a report of tests that ran and passed. */
export function judgeSuite(run: SuiteRun): SuiteVerdict {
  const defect = defectOfRun(run);
  const { outcome, report } = run;
  const parts = [
    outcome instanceof Error
      ? undefined
      : `uname -r ${outcome.release}, whole run ${outcome.seconds.toFixed(1)} s`,
    report === undefined || report instanceof Error ? undefined : describeReport(report),
    defect === undefined ? "ok" : `FAILED: ${defect}`,
  ];
  return {
    ok: defect === undefined,
    line: `kernel ${run.name}: ${parts.filter((part) => part !== undefined).join("; ")}`,
  };
}
