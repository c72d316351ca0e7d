/** `branchline uninstall`: a script of its own, which cli.ts loads when it is the first argument. */
import { uninstallCommand } from "../../src/agent/uninstall/command.ts";

declare const BRANCHLINE_VERSION: string;

export function commandLine(args: readonly string[]): Promise<number> {
  return uninstallCommand(args, { env: process.env, version: BRANCHLINE_VERSION });
}
