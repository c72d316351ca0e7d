import type { Options } from "yargs";
import { closeTo } from "../../src/text/nearest.ts";
import { COMMON_FLAGS } from "./people-command.ts";

/** What is said to whoever gives a command that there is not. Pure. */

/** Flags of people's commands that take the next word. */
const WITH_VALUE: ReadonlySet<string> = new Set(
  Object.entries<Options>(COMMON_FLAGS).flatMap(([name, { alias = [], requiresArg }]) =>
    requiresArg === true ? [name, ...[alias].flat()].map(dashed) : [],
  ),
);

/** What other programs call what ours do. */
const MEANT: Readonly<Record<string, string>> = {
  check: "doctor",
  diagnose: "doctor",
  describe: "explain",
  get: "status",
  list: "status",
  nodes: "status",
  pods: "status",
  policies: "status",
  pod: "explain pod",
  trace: "explain, or simulate trace",
  why: "explain",
};

/** The first word that is neither a flag nor a flag's value: the command. */
export function commandIn(args: readonly string[]): string | undefined {
  const at = args.findIndex((arg, i) => !arg.startsWith("-") && !WITH_VALUE.has(args[i - 1] ?? ""));
  return args[at];
}

/** The command that was meant by another word; undefined: nobody can say. */
export function meantBy(word: string, commands: readonly string[]): string | undefined {
  if (Object.hasOwn(MEANT, word)) return MEANT[word];
  return closeTo(word, commands);
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}
