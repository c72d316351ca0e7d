import type { Answer, Report, ReportedGap, ReportedPath } from "./report.ts";
import type { Problem } from "./situation.ts";

/** What it comes to, in one line. Pure. */

type Conclusion = Pick<Report, "answer" | "line" | "exit">;

const EXITS: Readonly<Record<Answer, 0 | 1 | 3>> = {
  fine: 0,
  reaches: 0,
  problem: 1,
  "does not reach": 1,
  "cannot say": 3,
};

export interface Concluded {
  readonly problems: readonly Problem[];
  readonly paths: readonly ReportedPath[];
  readonly gaps: readonly ReportedGap[];
  /** Somebody has asked for paths: they are the answer. Otherwise what is wrong with the pod comes first. */
  readonly isAsked: boolean;
  /** Why there are no paths, such as that the pod has ended; undefined when there could be. */
  readonly noPaths: string | undefined;
  /** What is said of a pod with which nothing is wrong. */
  readonly fine: string;
}

export function conclude({ problems, paths, gaps, isAsked, noPaths, fine }: Concluded): Conclusion {
  const [problem] = problems;
  if (isAsked && noPaths !== undefined)
    return concluded(
      "does not reach",
      `does not reach: ${noPaths}${problem === undefined ? "" : `: ${problem.line}`}`,
    );
  if (!isAsked && problem !== undefined) return concluded("problem", problem.line);
  const unseen = gaps.filter(({ reason }) => reason === "denied" || reason === "failed");
  const worst =
    paths.find(({ answer }) => answer === "does not reach") ??
    paths.find(({ answer }) => answer === "cannot say");
  if (worst !== undefined) return concluded(worst.answer, titled(worst, paths));
  const [gap] = unseen;
  if (isAsked) return concluded("reaches", "reaches");
  if (gap !== undefined) {
    return concluded(
      "cannot say",
      `cannot say: ${gap.permission === undefined ? gap.message : `no permission for ${gap.permission}`}`,
    );
  }
  return concluded("fine", fine);
}

/** Of several, which one is meant. */
function titled({ answer, line, title }: ReportedPath, paths: readonly ReportedPath[]): string {
  const isOnly = new Set(paths.map((path) => path.title)).size === 1;
  return isOnly ? line : line.replace(`${answer}: `, `${answer}: ${title}: `);
}

function concluded(answer: Answer, line: string): Conclusion {
  return { answer, line, exit: EXITS[answer] };
}
