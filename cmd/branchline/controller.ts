/** `branchline controller`: a script of its own, which cli.ts loads when it is the first argument. */
import { controller } from "../../src/controller/command.ts";

declare const BRANCHLINE_VERSION: string;

export function commandLine(args: readonly string[]): Promise<number> {
  return controller(args, { env: process.env, version: BRANCHLINE_VERSION });
}
