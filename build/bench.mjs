// Executables that `make bench` compares with the plugin, or measures instead of it.

import { resolve } from "node:path";
import { pluginScripts } from "./bundle.mjs";
import { codeCaches, makeExecutable } from "./executable.mjs";
import { root } from "./paths.mjs";

const NOTHING = "process.reallyExit(0);\n";

/**
 * dist/floor: the same runtime, packed the same way, doing nothing. dist/floor-stock: the same without NODE_OPTIONS.
 * dist/branchline-macvlan: the plugin, except that it creates a macvlan instead of a VLAN device. Kernels without 8021q
 * have macvlan, so a whole ADD can be measured on any machine.
 */
export async function makeBenchmarks({ main, assets, scratch }) {
  makeExecutable("floor", { main: NOTHING, scratch });
  makeExecutable("floor-stock", { main: NOTHING, nodeOptions: [], scratch });
  const { scripts } = await standInScripts();
  makeExecutable("branchline-macvlan", {
    main,
    assets: { ...codeCaches(scripts, scratch), ...assets },
    scratch,
  });
}

/** The plugin's scripts with the stand-in transport. Fails if it lacks something that the plugin imports. */
export function standInScripts() {
  return pluginScripts([macvlan]);
}

/** Wraps the plugin's transport in bench/macvlan-transport.ts. */
const macvlan = {
  name: "macvlan",
  setup(build) {
    const standIn = resolve(root, "bench/macvlan-transport.ts");
    build.onResolve({ filter: /\/transport\.ts$/ }, ({ importer }) =>
      importer === standIn ? undefined : { path: standIn },
    );
  },
};
