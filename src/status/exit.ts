import { EXIT } from "../facts/exit-status.ts";
import type { Gap } from "../facts/fact.ts";

/**
 * With a problem 1, warnings are none. Otherwise 3 as long as something could not be looked at, for nobody can say then that
 * all is fine. What was left out on purpose does not count.
 */
export function exitOf(
  problems: readonly { readonly severity: "problem" | "warning" }[],
  gaps: readonly Gap[],
): 0 | 1 | 3 {
  if (problems.some(({ severity }) => severity === "problem")) return EXIT.problems;
  return gaps.some(({ reason }) => reason !== "skipped") ? EXIT.cannotLook : EXIT.fine;
}
