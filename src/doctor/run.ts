import type { Check, Finding } from "./check.ts";
import type { Facts } from "./facts.ts";

/** Runs checks over facts, and sums up. Pure. */

/** A check with what it found. */
export interface Outcome {
  readonly check: Check;
  readonly finding: Finding;
}

/** In the order of the checks. */
export function runChecks(checks: readonly Check[], facts: Facts): readonly Outcome[] {
  return checks.map((check) => ({ check, finding: check.judge(facts) }));
}

/** What was not asked, on purpose, is skipped: a check that is unknown, and that needs one of these. */
export function skipWithout(
  outcomes: readonly Outcome[],
  sources: readonly (keyof Facts)[],
  why: string,
): readonly Outcome[] {
  return outcomes.map(({ check, finding }) => {
    const isLeftOut = finding.result === "unknown" && check.needs.some((need) => sources.includes(need));
    return { check, finding: isLeftOut ? { ...finding, result: "skipped", found: why } : finding };
  });
}

/** With a problem 1. Otherwise 3 as long as one check could not look: nobody can say then that all is fine. */
export function exitOf(outcomes: readonly Outcome[]): 0 | 1 | 3 {
  const has = (result: Finding["result"]) => outcomes.some(({ finding }) => finding.result === result);
  if (has("problem")) return 1;
  return has("unknown") ? 3 : 0;
}

/** Where the section of a check is. */
export function docsOf({ code }: Pick<Check, "code">): string {
  return `docs/doctor.md#${code.toLowerCase()}`;
}
