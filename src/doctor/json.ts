import { type Outcome, docsOf, exitOf } from "./run.ts";

/** The shape of `branchline doctor -o json`, which docs/doctor.md documents. Fields are added, never changed. */
export interface Report {
  readonly version: 1;
  /** Of branchline. */
  readonly branchline: string;
  /** RFC 3339. */
  readonly at: string;
  readonly place: "cluster" | "node";
  readonly exit: 0 | 1 | 3;
  readonly checks: readonly ReportedCheck[];
}

interface ReportedCheck {
  readonly code: string;
  readonly title: string;
  readonly result: "ok" | "warning" | "problem" | "skipped" | "unknown";
  readonly found: string;
  readonly items: readonly string[];
  readonly why: string;
  readonly todo: string;
  readonly docs: string;
}

export function reportOf(
  outcomes: readonly Outcome[],
  about: { readonly branchline: string; readonly now: number; readonly place: Report["place"] },
): Report {
  return {
    version: 1,
    branchline: about.branchline,
    at: new Date(about.now).toISOString(),
    place: about.place,
    exit: exitOf(outcomes),
    checks: outcomes.map(({ check, finding }) => ({
      code: check.code,
      title: check.title,
      result: finding.result,
      found: finding.found,
      items: finding.items,
      why: check.why,
      todo: finding.todo ?? check.todo,
      docs: docsOf(check),
    })),
  };
}
