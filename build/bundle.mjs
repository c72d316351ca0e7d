// Bundles the plugin, the command line and the boot script.
//
// The plugin becomes several scripts of CommonJS modules rather than one bundle: V8 reads a script's code cache as a
// whole, so code that most pods never run must not be in the script that every call loads.

import esbuild from "esbuild";
import { root, version } from "./paths.mjs";
import { HOST, libraryOf } from "./target.mjs";

/**
 * The plugin's scripts and their entry points. A module goes into the first script that needs it: what every call needs;
 * asking the agent; attaching a branch; the other verbs.
 */
const SCRIPTS = {
  core: ["cmd/branchline/main.ts", "src/cni/verbs/add.ts"],
  ask: ["src/cni/ask.ts"],
  attach: ["src/cni/verbs/add-branch.ts"],
  verbs: ["src/cni/verbs/del.ts", "src/cni/verbs/check.ts", "src/cni/verbs/gc.ts", "src/cni/verbs/status.ts"],
};

const FIRST = "core";

const options = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  platform: "node",
  target: "node24",
  metafile: true,
  write: false,
  define: {
    BRANCHLINE_VERSION: JSON.stringify(version),
    "import.meta.dirname": "undefined",
    "import.meta.url": JSON.stringify("file:///branchline"),
  },
  logLevel: "warning",
};

function optionsFor(target) {
  const { hash, size } = libraryOf(target);
  // The hash is part of the native library's file name.
  const define = { ...options.define, KOFFI_HASH: JSON.stringify(hash), KOFFI_SIZE: String(size) };
  return { ...options, define };
}

/** Bundles a script with one entry point, such as the command line. `more` are further options of esbuild. */
export async function bundleOf(entry, { target = HOST, ...more } = {}) {
  const { metafile, outputFiles } = await esbuild.build({
    ...optionsFor(target),
    ...more,
    format: "cjs",
    entryPoints: [entry],
    outfile: "out.cjs",
  });
  return { metafile, code: outputFiles[0].text };
}

/**
 * The plugin's scripts and their source maps, by name. Each script evaluates to an object of functions
 * `(exports, require)`, one for each of esbuild's chunks (modules that the same entry points import). The first script
 * also names the script of every other chunk. `cmd/branchline/boot.ts` runs them.
 */
export async function pluginScripts({ target = HOST, plugins = [] } = {}) {
  const { metafile, outputFiles } = await esbuild.build({
    ...optionsFor(target),
    plugins,
    format: "esm",
    splitting: true,
    // The second pass in factory() composes its own map with it.
    sourcemap: "inline",
    sourcesContent: false,
    entryPoints: ["cmd/branchline/main.ts"],
    entryNames: "[name]",
    chunkNames: "[name]-[hash]",
    outdir: "out",
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [path.slice(root.length + 1), text]));
  const placed = new Set();
  const scripts = {};
  const elsewhere = [];
  for (const [name, entries] of Object.entries(SCRIPTS)) {
    const chunks = entries.flatMap((entry) => chunksOf(metafile, entry)).filter((path) => !placed.has(path));
    const factories = [];
    for (const path of new Set(chunks)) {
      placed.add(path);
      const key = JSON.stringify(`./${path.slice("out/".length)}`);
      const { code, map } = await factory(texts.get(path));
      factories.push({
        text: `${key}:${FACTORY_HEAD}${code}${FACTORY_TAIL}`,
        head: `${key}:${FACTORY_HEAD}`,
        map,
      });
      if (name !== FIRST) elsewhere.push({ text: `${key}:${JSON.stringify(name)}` });
    }
    scripts[name] = factories;
  }
  scripts[FIRST].push(...elsewhere);
  const forgotten = [...texts.keys()].filter((path) => !placed.has(path));
  if (forgotten.length > 0) throw new Error(`not in any script: ${forgotten.join(", ")}`);
  const joined = Object.entries(scripts).map(([name, parts]) => [name, join(parts)]);
  const each = (field) => Object.fromEntries(joined.map(([name, script]) => [name, script[field]]));
  return { metafile, scripts: each("code"), maps: each("map") };
}

/** Joins the parts into one script, and their maps into an index map (ECMA-426) with a section for each. */
function join(parts) {
  let code = "({";
  const sections = [];
  for (const [index, { text, head, map }] of parts.entries()) {
    if (index > 0) code += ",\n";
    if (map !== undefined) {
      const before = (code + head).split("\n");
      sections.push({ offset: { line: before.length - 1, column: before.at(-1).length }, map });
    }
    code += text;
  }
  return { code: `${code}})`, map: JSON.stringify({ version: 3, sections }) };
}

/** The chunk of an entry point, and those that it imports statically. */
function chunksOf({ outputs }, entry) {
  const start = Object.keys(outputs).find((path) => outputs[path].entryPoint === entry);
  if (start === undefined) throw new Error(`${entry} is not an entry point: does anything import() it?`);
  const seen = new Set();
  const visit = (path) => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { kind, external, path: next } of outputs[path].imports) {
      if (kind === "import-statement" && external !== true) visit(next);
    }
  };
  visit(start);
  return [...seen];
}

const FACTORY_HEAD = "function(exports,require){var module={exports};";
const FACTORY_TAIL = "\nreturn module.exports}";

/** A chunk's code as a function body, and its map to the sources. */
async function factory(text) {
  const { code, map } = await esbuild.transform(text, {
    format: "cjs",
    platform: "node",
    target: "node24",
    minify: true,
    sourcemap: "external",
    sourcesContent: false,
    // Turns import() of a chunk into an asynchronous require().
    supported: { "dynamic-import": false },
  });
  return { code, map: JSON.parse(map) };
}
