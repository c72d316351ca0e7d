// Executables that `make bench` compares with the plugin, or measures instead of it.

import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { renamed, sourceOf } from "../test/ground/macvlan/facade.ts";
import { pluginScripts } from "./bundle.mjs";
import { codeCaches, makeExecutable } from "./executable.mjs";
import { dist } from "./paths.mjs";

const NOTHING = "process.reallyExit(0);\n";

/**
 * dist/floor: the same runtime, packed the same way, doing nothing. dist/floor-stock: the same without NODE_OPTIONS.
 */
export async function makeBenchmarks({ main, assets, scratch }) {
  makeExecutable("floor", { main: NOTHING, scratch });
  makeExecutable("floor-stock", { main: NOTHING, nodeOptions: [], scratch });
  await makeMacvlan({ main, assets, scratch });
}

/**
 * dist/macvlan/branchline: the plugin, but that the kernel has macvlans where it makes and sees VLAN devices. Kernels
 * without 8021q have those, so that the plugin can be tested and measured on any machine.
 */
export async function makeMacvlan({ main, assets, scratch }) {
  const { scripts } = await standInScripts();
  const directory = `${dist}/macvlan`;
  mkdirSync(directory, { recursive: true });
  makeExecutable("branchline", {
    main,
    assets: { ...codeCaches(scripts, scratch), ...assets },
    scratch,
    directory,
  });
}

/** The plugin's scripts with the stand-in transport. Fails if it lacks something that the plugin imports. */
export function standInScripts() {
  return pluginScripts([macvlan]);
}

/** Puts test/ground/macvlan/transport.ts between the plugin and the kernel. */
const macvlan = {
  name: "macvlan",
  setup(build) {
    build.onResolve({ filter: /\.real\.ts$/ }, ({ path }) => (path === renamed ? { path } : undefined));
    build.onLoad({ filter: /\/transport(\.real)?\.ts$/ }, ({ path }) => {
      const contents = sourceOf(path);
      return contents === undefined ? undefined : { contents, loader: "ts", resolveDir: dirname(path) };
    });
  },
};
