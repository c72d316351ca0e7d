import { getBuiltinModule } from "node:process";

/**
 * What the executable runs first: it finds the plugin's modules in the scripts that lie beside it as assets
 * (build/bundle.mjs), each with a code cache that holds **all** of its functions. The cache that Node makes of an
 * executable's own main script has only those that run while it is loaded, and compiling the others at each start would
 * take longer than all that they do.
 */

type Factory = (exports: object, require: (name: string) => unknown) => unknown;

/** The script that every call reads; it names those that others lie in. */
const FIRST = "core";

const sea = getBuiltinModule("node:sea");
const { Script } = getBuiltinModule("node:vm");

/** A module, or the script that holds it. */
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
