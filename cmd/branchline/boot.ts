import { getBuiltinModule } from "node:process";

/**
 * The executable's main script. It loads the plugin's modules from scripts that are assets of the executable
 * (build/bundle.mjs), each with a code cache of **all** its functions. The cache that Node makes for a main script has
 * only the functions that run while it loads, and compiling the others at each start would take longer than running
 * them.
 */

type Factory = (exports: object, require: (name: string) => unknown) => unknown;

/** The script that every call loads; it says which script has each other module. */
const FIRST = "core";

const sea = getBuiltinModule("node:sea");
const { Script } = getBuiltinModule("node:vm");

/** Modules by name: the module's function, or the name of the script that has it. */
const factories: Record<string, Factory | string> = {};
const modules = new Map<string, unknown>();

function load(name: string): void {
  const filename = `branchline/${name}.js`;
  const source = Buffer.from(sea.getRawAsset(`${name}.js`)).toString("latin1");
  const cachedData = new Uint8Array(sea.getRawAsset(`${name}.cache`));
  const script = new Script(source, { filename, cachedData });
  if (script.cachedDataRejected === true) {
    process.stderr.write(`branchline: V8 rejected the code cache of ${filename}: this start is slower\n`);
  }
  Object.assign(factories, script.runInThisContext());
}

function require(name: string): unknown {
  if (name.startsWith("node:")) return getBuiltinModule(name);
  let found = modules.get(name);
  if (found !== undefined) return found;
  let factory = factories[name];
  if (typeof factory === "string") {
    load(factory);
    factory = factories[name];
  }
  if (typeof factory !== "function") throw new Error(`the executable holds no module ${name}`);
  found = factory({}, require);
  modules.set(name, found);
  return found;
}

load(FIRST);
require("./main.js");
