import { getBuiltinModule } from "node:process";
import type { CommandLine } from "./cli.ts";

/** The asset with the command line's bundle (see build.mjs). */
const ASSET = "cli.cjs";

/** Loads and runs the command line, which is a separate asset of the executable. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const sea = getBuiltinModule("node:sea");
  if (!sea.isSea()) throw new Error("the command line is run from the built executable");
  const module = { exports: {} as CommandLine };
  const { compileFunction } = getBuiltinModule("node:vm");
  const { createRequire } = getBuiltinModule("node:module");
  const evaluate = compileFunction(sea.getAsset(ASSET, "utf8"), ["module", "exports", "require"]) as (
    module: unknown,
    exports: unknown,
    require: unknown,
  ) => void;
  evaluate(module, module.exports, createRequire(`${process.execPath}/`));
  return module.exports.commandLine(args);
}
