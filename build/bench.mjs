// What `make bench` compares the plugin with, or measures in its place.

import { resolve } from "node:path";
import { pluginScripts } from "./bundle.mjs";
import { codeCaches, makeExecutable } from "./executable.mjs";
import { root } from "./paths.mjs";

const NOTHING = "process.reallyExit(0);\n";

/**
 * dist/floor: the same runtime, packed the same way, that does nothing. dist/floor-stock: the same without the options
 * that make its start cheaper. dist/branchline-macvlan: the plugin, but for one message: where it asks the kernel for a
 * VLAN device it gets a macvlan, which kernels without 8021q have, so that a whole ADD can be measured on any machine.
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

/** The plugin's scripts with the stand-in: fails when it lacks what the plugin imports of its transport. */
export function standInScripts() {
  return pluginScripts([macvlan]);
}

/** Puts bench/macvlan-transport.ts between the plugin and its transport. */
const macvlan = {
  name: "macvlan",
  setup(build) {
    const standIn = resolve(root, "bench/macvlan-transport.ts");
    build.onResolve({ filter: /\/transport\.ts$/ }, ({ importer }) =>
      importer === standIn ? undefined : { path: standIn },
    );
  },
};
