import { closeTo } from "../../src/text/nearest.ts";

/** What is said to whoever gives a command that there is not. Pure. */

/** Flags of people's commands that take the next word. */
const WITH_VALUE: ReadonlySet<string> = new Set([
  "-n",
  "--namespace",
  "--kubeconfig",
  "--context",
  "-o",
  "--output",
  "--region",
  "--cluster-name",
  "--clusterName",
]);

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
