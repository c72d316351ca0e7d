import { getBuiltinModule } from "node:process";
import type { CommandLine } from "./cli.ts";

type Evaluate = (module: unknown, exports: unknown, require: unknown) => void;

/**
 * Loads and runs a script that is a separate asset of the executable (see build.mjs); `cache` is the asset with its code
 * cache, which spares whoever waits for it 0.2 s and 27 MiB of parsing.
 */
export async function runScript(asset: string, args: readonly string[], cache?: string): Promise<number> {
  const sea = getBuiltinModule("node:sea");
  if (!sea.isSea()) throw new Error("the command line is run from the built executable");
  const module = { exports: {} as CommandLine };
  const { Script } = getBuiltinModule("node:vm");
  const { createRequire } = getBuiltinModule("node:module");
  const script = new Script(sea.getAsset(asset, "utf8"), {
    filename: `branchline/${asset}`,
    // One that V8 rejects is left unused.
    ...(cache !== undefined && { cachedData: new Uint8Array(sea.getRawAsset(cache)) }),
  });
  const evaluate = script.runInThisContext() as Evaluate;
  evaluate(module, module.exports, createRequire(`${process.execPath}/`));
  return module.exports.commandLine(args);
}
