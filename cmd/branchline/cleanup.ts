/** `branchline cleanup`: a script of its own, which cli.ts loads when it is the first argument. */
import { cleanup } from "../../src/controller/cleanup/command.ts";

export function commandLine(args: readonly string[]): Promise<number> {
  return cleanup(args, process.env);
}
