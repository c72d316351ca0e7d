import { runtime } from "#runtime";
import type { CommandLine } from "./cli.ts";

/** Loads and runs a script that the executable carries beside the plugin (see build.mjs); `cache` is that of its code. */
export async function runScript(name: string, args: readonly string[], cache?: string): Promise<number> {
  const script = runtime.script(name, cache) as CommandLine;
  return script.commandLine(args);
}
