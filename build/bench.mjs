// Executables that `make bench` compares with the plugin, or measures instead of it.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { isRenamed, sourceOf } from "../test/ground/macvlan/facade.ts";
import { FOR_BUN, bunPlugin, makeBunExecutable } from "./bun.mjs";
import { bundleOf, pluginScripts } from "./bundle.mjs";
import { asFunction, codeCaches, makeExecutable } from "./executable.mjs";
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

/** Commands that make or see VLAN devices themselves. */
const WITH_DEVICES = ["agent", "simulate"];

/**
 * dist/macvlan/branchline: plugin, agent and simulator, but that the kernel has macvlans where they make and see VLAN
 * devices. Kernels without 8021q have those, so that all can be tested, and the plugin measured, on any machine.
 */
export async function makeMacvlan({ main, assets, scratch }) {
  const { scripts } = await standInScripts();
  const directory = `${dist}/macvlan`;
  mkdirSync(directory, { recursive: true });
  const commands = {};
  for (const name of WITH_DEVICES) {
    const { code } = await bundleOf(`cmd/branchline/${name}.ts`, { plugins: [macvlan] });
    commands[`${name}.cjs`] = `${scratch}/${name}-macvlan.cjs`;
    writeFileSync(commands[`${name}.cjs`], asFunction(code));
  }
  makeExecutable("branchline", {
    main,
    assets: { ...codeCaches(scripts, scratch), ...assets, ...commands },
    scratch,
    directory,
  });
}

/** dist/bun/floor: the second runtime, doing nothing. */
export function makeBunFloor({ scratch }) {
  makeBunExecutable("floor", { arch: "amd64", main: NOTHING, scratch });
}

/** dist/bun/macvlan/branchline: the same as dist/macvlan/branchline, by the second runtime. */
export async function makeBunMacvlan({ scripts, scratch }) {
  const how = { ...FOR_BUN, plugins: [macvlan] };
  const commands = {};
  for (const name of WITH_DEVICES) {
    const { code } = await bundleOf(`cmd/branchline/${name}.ts`, how);
    commands[name] = code;
  }
  const { code } = await bunPlugin(how);
  makeBunExecutable("branchline", {
    arch: "amd64",
    main: code,
    scripts: { ...scripts, ...commands },
    scratch,
    directory: `${dist}/bun/macvlan`,
  });
}

/** The plugin's scripts with the stand-in transport. Fails if it lacks something that the plugin imports. */
export function standInScripts() {
  return pluginScripts({ plugins: [macvlan] });
}

/** Puts test/ground/macvlan between our code and the kernel. */
const macvlan = {
  name: "macvlan",
  setup(build) {
    build.onResolve({ filter: /\.real\.ts$/ }, ({ path }) => (isRenamed(path) ? { path } : undefined));
    build.onLoad({ filter: /\/(transport|data-plane)(\.real)?\.ts$/ }, ({ path }) => {
      const contents = sourceOf(path);
      return contents === undefined ? undefined : { contents, loader: "ts", resolveDir: dirname(path) };
    });
  },
};
