import type { Result } from "./check.ts";
import { type Outcome, docsOf } from "./run.ts";

/** What `branchline doctor` prints for people. */

/** Colours, as src/text/style.ts has them. */
interface Colours {
  readonly bold: (text: string) => string;
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly green: (text: string) => string;
  readonly dim: (text: string) => string;
}

/** What matters most comes first. */
const ORDER: readonly Result[] = ["problem", "warning", "unknown", "skipped", "ok"];
/** More are counted: all are in the JSON. */
const MOST_ITEMS = 20;
const WIDTH = 8;
/** Of the text beside the codes. */
const COLUMNS = 96;

/** Lines. Problems and warnings in full, the others on a line each. */
export function linesOf(outcomes: readonly Outcome[], colours: Colours): readonly string[] {
  const sorted = ORDER.flatMap((result) => outcomes.filter(({ finding }) => finding.result === result));
  return [...sorted.flatMap((outcome) => outcomeLines(outcome, colours)), "", summaryOf(outcomes)];
}

function outcomeLines({ check, finding }: Outcome, colours: Colours): readonly string[] {
  const { result, found, items, todo = check.todo } = finding;
  const paint = { problem: colours.red, warning: colours.yellow, ok: colours.green };
  const word = result.padEnd(WIDTH);
  const shown = result === "unknown" || result === "skipped" ? colours.dim(word) : paint[result](word);
  const head = `${shown} ${check.code}  ${colours.bold(check.title)}: ${found}`;
  if (result !== "problem" && result !== "warning") return [head];
  const more = items.length > MOST_ITEMS ? [`and ${items.length - MOST_ITEMS} more (-o json has all)`] : [];
  const indented = (text: string) => `${" ".repeat(WIDTH + 8)}${text}`;
  return [
    head,
    ...[...items.slice(0, MOST_ITEMS), ...more].map((item) => indented(`- ${item}`)),
    ...wrapped(`Why: ${check.why}`).map(indented),
    ...wrapped(`To do: ${todo}`).map(indented),
    indented(`See ${docsOf(check)}`),
  ];
}

/** Sentences of the docs are long; items are not broken, so that they can be searched for. */
function wrapped(text: string): readonly string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last === "") lines[lines.length - 1] = word;
    else if (last.length + word.length < COLUMNS) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

export function summaryOf(outcomes: readonly Outcome[]): string {
  const count = (wanted: Result) => outcomes.filter(({ finding }) => finding.result === wanted).length;
  const [problems, warnings] = [count("problem"), count("warning")];
  return [
    `${problems} problem${problems === 1 ? "" : "s"}`,
    `${warnings} warning${warnings === 1 ? "" : "s"}`,
    `${count("ok")} ok`,
    `${count("skipped")} skipped`,
    `${count("unknown")} unknown`,
  ].join(", ");
}
