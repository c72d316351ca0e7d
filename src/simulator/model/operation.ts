import type { Params } from "./params.ts";
import type { Answer, AnswerValue, Context } from "./types.ts";

/** One action of the API. */
export interface Operation {
  /** Its parameters' top-level names, besides Action, Version and DryRun; any other is UnknownParameter. */
  readonly parameters: readonly string[];
  readonly required?: readonly string[];
  /** Whether it takes a ClientToken. */
  readonly idempotent?: boolean;
  /** What EC2 refuses also when asked for a dry run. */
  check?(params: Params, context: Context): void;
  /** Refuses before it changes anything: an operation that throws has done nothing. */
  run(params: Params, context: Context): Answer;
  /** The id of what an idempotent call has made. */
  made?(answer: Answer): string;
}

export type Operations = Readonly<Record<string, Operation>>;

export const DESCRIBE = ["Filter", "MaxResults", "NextToken"] as const;
export const DONE: Answer = { return: true };

/** The text at a path of an answer. */
export function textAt(answer: Answer, ...path: readonly string[]): string {
  let value: AnswerValue = answer;
  for (const name of path) value = (value as Answer)[name];
  if (typeof value !== "string") throw new TypeError(`the answer has no text at ${path.join(".")}`);
  return value;
}
