import { getBuiltinModule } from "node:process";

/**
 * What the executable runs first: it finds the plugin's modules in the scripts that lie beside it as assets
 * (build/bundle.mjs), each with a code cache that holds **all** of its functions. The cache that Node makes of an
 * executable's own main script has only those that run while it is loaded, and compiling the others at each start would
 * take longer than all that they do.
 */

type Factory = (exports: object, require: (name: string) => unknown) => unknown;

const sea = getBuiltinModule("node:sea");
const { Script } = getBuiltinModule("node:vm");

/** In the order in which they are needed: most calls end with the first. */
const waiting = ["core", "attach", "verbs"];
const factories: Record<string, Factory> = {};
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
  while (factories[name] === undefined) {
    const next = waiting.shift();
    if (next === undefined) throw new Error(`the executable holds no module ${name}`);
    load(next);
  }
  found = factories[name]({}, require);
  modules.set(name, found);
  return found;
}

require("./main.js");
