// What may be asked of the demo: a break, and whether to play at all.
import { parseArgs } from "node:util";
import type { RowId } from "./expectations.ts";

interface Break {
  /** What is done wrong. */
  readonly what: string;
  /** The row that has to say so first. */
  readonly row: RowId;
}

/** Sabotage, to see the table fail. */
export const BREAKS = {
  policy: { what: "the policy's selector asks for a label that no pod has", row: "late" },
  group: { what: "the database's group admits the nodes' group too", row: "refused" },
  agent: {
    what: "while the agent is away somebody edits the node's list, so that a pod without an annotation passes",
    row: "new pod",
  },
} as const satisfies Record<string, Break>;

export type BreakName = keyof typeof BREAKS;

export interface Options {
  readonly broken?: BreakName;
  /** Say what is expected, and end. */
  readonly plan: boolean;
}

/** One line says what was wrong with the arguments. */
export class UsageError extends Error {
  override name = "UsageError";
}

export function parseOptions(argv: readonly string[]): Options {
  const { break: name, plan } = parse(argv);
  if (name === undefined) return { plan };
  if (!isBreak(name)) throw new UsageError(`--break ${name}: there are ${Object.keys(BREAKS).join(", ")}`);
  return { plan, broken: name };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: { break: { type: "string" }, plan: { type: "boolean", default: false } },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function isBreak(name: string): name is BreakName {
  return Object.hasOwn(BREAKS, name);
}
