/** `branchline agent`: a script of its own, which cli.ts loads when it is the first argument. */
import { agent } from "../../src/agent/command.ts";

declare const BRANCHLINE_VERSION: string;

export function commandLine(args: readonly string[]): Promise<number> {
  return agent(args, { env: process.env, executable: process.execPath, version: BRANCHLINE_VERSION });
}
