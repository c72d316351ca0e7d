// Builds dist/branchline: the plugin, the command line and koffi's binary inside the pinned Node.
//
//   esbuild → scripts, V8's code cache of each → SEA blob → injected into a stripped copy of Node
//
// `--arch arm64` builds dist/arm64/branchline instead; build/parts.sh fetches what that is made of.
//
// `--runtime bun` builds dist/bun/branchline, or dist/bun/arm64/branchline, and with the flags below what they make in dist/bun (docs/decisions/second-runtime.md).
//
// Fails if the plugin exceeds its budget or contains a module of the command line, or if a file imports what its folder
// may not (build/imports.mjs). `node build.mjs --check` stops after these checks and writes nothing; `--macvlan` also builds
// dist/macvlan/branchline, and `--bench` that and the executables for the benchmark.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { parseArgs } from "node:util";
import { FOR_BUN, bunPlugin, makeBunExecutable } from "./build/bun.mjs";
import { makeBenchmarks, makeBunFloor, makeBunMacvlan, makeMacvlan, standInScripts } from "./build/bench.mjs";
import { bundleOf, pluginScripts } from "./build/bundle.mjs";
import { PLUGIN_BUDGET, checkEvaluated, checkScripts, sizeOf } from "./build/checks.mjs";
import { asFunction, codeCaches, commandCache, makeExecutable } from "./build/executable.mjs";
import { checkImports } from "./build/imports.mjs";
import { WITH_PORT, portReport } from "./build/port.mjs";
import { root, version } from "./build/paths.mjs";
import { checkNode, thirdPartyNotices } from "./build/supply.mjs";
import { HOST, targetOf } from "./build/target.mjs";

const { values: flags } = parseArgs({
  options: {
    arch: { type: "string", default: HOST.arch },
    runtime: { type: "string", default: "node" },
    check: { type: "boolean" },
    macvlan: { type: "boolean" },
    bench: { type: "boolean" },
  },
});
const target = targetOf(flags.arch);
const { dist } = target;
if (target !== HOST && (flags.macvlan || flags.bench))
  throw new Error(`only ${HOST.arch} has a stand-in or a benchmark`);

if (!["node", "bun"].includes(flags.runtime))
  throw new Error(`"${flags.runtime}" is no runtime: it is node or bun`);
/** What bundles are made with. Bun's have no native library in them: they are the same for all, and need no other's parts. */
const how = flags.runtime === "bun" ? { target: HOST, ...FOR_BUN } : { target };

const plugin = await pluginScripts({ target: how.target });
const boot = await bundleOf("cmd/branchline/boot.ts", { target: how.target });
/** Scripts that the plugin never loads: the command line, and one for each long command. */
const commands = {
  cli: await bundleOf("cmd/branchline/cli.ts", how),
  simulate: await bundleOf("cmd/branchline/simulate.ts", how),
  agent: await bundleOf("cmd/branchline/agent.ts", how),
  uninstall: await bundleOf("cmd/branchline/uninstall.ts", how),
  cleanup: await bundleOf("cmd/branchline/cleanup.ts", { ...WITH_PORT, ...how }),
  controller: await bundleOf("cmd/branchline/controller.ts", { ...WITH_PORT, ...how }),
  people: await bundleOf("cmd/branchline/people.ts", { ...WITH_PORT, ...how }),
};

const defects = [...checkScripts(plugin), ...checkEvaluated(plugin), ...checkImports(import.meta.dirname)];
for (const defect of defects) console.error(`build: ${defect}`);
if (defects.length > 0) process.exit(1);
const modules = Object.keys(plugin.metafile.inputs).length;
console.log(
  `plugin: ${sizeOf(plugin.scripts)} bytes of ${PLUGIN_BUDGET}, ${plugin.scripts.core.length} of them in the core script, ${modules} modules`,
);
console.log(
  Object.entries(commands)
    .map(([name, { code }]) => `${name}: ${code.length} bytes`)
    .join("; "),
);
if (flags.check) {
  await standInScripts();
  process.exit(0);
}

if (flags.runtime === "bun") {
  await buildWithBun();
  process.exit(0);
}

checkNode(target.node, target.sha256);
mkdirSync(dist, { recursive: true });
// One folder for each run, so that concurrent builds do not write the same files.
const scratch = mkdtempSync(`${dist}/.build-`);
try {
  const common = { "koffi.node": target.koffi };
  for (const [name, { code }] of Object.entries(commands)) {
    common[`${name}.cjs`] = `${scratch}/${name}.cjs`;
    writeFileSync(`${scratch}/${name}.cjs`, asFunction(code));
  }
  // The others run for long, or have little to load.
  common["people.cache"] = commandCache("people", scratch, target);
  const main = boot.code;
  const scripts = codeCaches(plugin.scripts, scratch, target);
  makeExecutable("branchline", { main, assets: { ...scripts, ...common }, scratch, target });
  // To inspect what is in the executable.
  mkdirSync(`${dist}/plugin`, { recursive: true });
  for (const [name, file] of Object.entries(scripts)) copyFileSync(file, `${dist}/plugin/${name}`);
  // For build/where.mjs, to read stack traces in bug reports.
  for (const [name, map] of Object.entries(plugin.maps)) writeFileSync(`${dist}/plugin/${name}.js.map`, map);
  writeFileSync(`${dist}/plugin/meta.json`, JSON.stringify(plugin.metafile));
  writeFileSync(
    `${dist}/THIRD-PARTY-NOTICES.txt`,
    thirdPartyNotices(
      [plugin, boot, ...Object.values(commands)].map(({ metafile }) => metafile),
      target,
    ),
  );
  if (target === HOST) console.log(await portReport(scratch));
  console.log(`${relative(root, dist)}/branchline ${version}`);
  if (flags.macvlan) await makeMacvlan({ main, assets: common, scratch });
  if (flags.bench) await makeBenchmarks({ main, assets: common, scratch });
} finally {
  rmSync(scratch, { recursive: true });
}

/** dist/bun/branchline, or dist/bun/arm64/branchline; and what the other flags ask for. */
async function buildWithBun() {
  mkdirSync(`${root}/dist`, { recursive: true });
  const folder = mkdtempSync(`${root}/dist/.build-`);
  const own = { scratch: folder };
  try {
    const scripts = Object.fromEntries(Object.entries(commands).map(([name, { code }]) => [name, code]));
    const { code } = await bunPlugin();
    makeBunExecutable("branchline", { arch: target.arch, main: code, scripts, ...own });
    console.log(`${target.arch}, by Bun: branchline ${version}`);
    if (flags.macvlan || flags.bench) await makeBunMacvlan({ scripts, ...own });
    if (flags.bench) makeBunFloor(own);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
