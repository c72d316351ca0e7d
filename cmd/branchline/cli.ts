import { runScript } from "./load-script.ts";

export interface CommandLine {
  commandLine(args: readonly string[]): Promise<number>;
}

/** Commands with a script of their own, which is loaded only when its name is the first argument. */
const COMMANDS: Readonly<Record<string, string>> = {
  agent: "agent.cjs",
  cleanup: "cleanup.cjs",
  controller: "controller.cjs",
  simulate: "simulate.cjs",
  uninstall: "uninstall.cjs",
};
/** The script of all others, and of help, with its code cache. */
const PEOPLE = ["people.cjs", "people.cache"] as const;

/** The command line for people who run the executable by hand; returns the exit status. */
export function commandLine(args: readonly string[]): Promise<number> {
  const [command = "", ...rest] = args;
  const script = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (script !== undefined) return runScript(script, rest);
  const [people, cache] = PEOPLE;
  return runScript(people, args, cache);
}
