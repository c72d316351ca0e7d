import { getBuiltinModule } from "node:process";
import type { CommandLine } from "./cli.ts";

/** Loads and runs a script that is a separate asset of the executable (see build.mjs). */
export async function runScript(asset: string, args: readonly string[]): Promise<number> {
  const sea = getBuiltinModule("node:sea");
  if (!sea.isSea()) throw new Error("the command line is run from the built executable");
  const module = { exports: {} as CommandLine };
  const { compileFunction } = getBuiltinModule("node:vm");
  const { createRequire } = getBuiltinModule("node:module");
  const evaluate = compileFunction(sea.getAsset(asset, "utf8"), ["module", "exports", "require"]) as (
    module: unknown,
    exports: unknown,
    require: unknown,
  ) => void;
  evaluate(module, module.exports, createRequire(`${process.execPath}/`));
  return module.exports.commandLine(args);
}
