import { defectOf, describeReport, type Report } from "./report.ts";

/** A report by the name it was asked for: what it says, why it cannot be read, or undefined when it is missing. */
export interface NamedReport {
  readonly name: string;
  readonly report: Report | Error | undefined;
}

/** What all reports together say. */
export interface Summary {
  /** One for each report, then the totals. */
  readonly lines: readonly string[];
  /** There is a report, and each proves success. */
  readonly ok: boolean;
}

/** One report's share of the summary. */
function entry({ name, report }: NamedReport): { line: string; ok: boolean; passed: number; failed: number } {
  if (report instanceof Error) return { line: `${name}: ${report.message}`, ok: false, passed: 0, failed: 1 };
  const defect = defectOf(report);
  const parts = [
    report?.kernel === undefined ? name : `${name} (${report.kernel})`,
    report === undefined ? undefined : describeReport(report),
    defect === undefined ? undefined : `NOT OK, ${defect}`,
  ];
  return {
    line: parts.filter((part) => part !== undefined).join(": "),
    ok: defect === undefined,
    passed: report?.passed ?? 0,
    // A defect without a failed test is still one thing that failed.
    failed: Math.max(report?.failed ?? 0, defect === undefined ? 0 : 1),
  };
}

/** Sums up reports; no report at all is no success. */
export function summarize(reports: readonly NamedReport[]): Summary {
  const entries = reports.map(entry);
  const total = (field: "passed" | "failed"): number => entries.reduce((sum, each) => sum + each[field], 0);
  return {
    lines: [...entries.map(({ line }) => line), `${total("passed")} passed, ${total("failed")} failed`],
    ok: entries.length > 0 && entries.every(({ ok }) => ok),
  };
}
