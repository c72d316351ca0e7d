// Single executables: a script and its assets, injected into a stripped copy of the pinned Node.

import { chmodSync, copyFileSync, renameSync, writeFileSync } from "node:fs";
import { dist, node, root } from "./paths.mjs";
import { quietly } from "./tool.mjs";

/** What postject looks for in a Node binary (nodejs.org, "Single executable applications"). */
const SENTINEL = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

/**
 * Options of Node that make its start cheaper, with what each is for; docs/notes/start-up.md has the figures. Options of
 * V8 are no use: Node's own code cache is refused under any other than the ones it was made with.
 */
export const NODE_OPTIONS = [
  // Nothing is compiled in the background, and the collector hardly runs: one thread instead of four.
  "--v8-pool-size=1",
  // No thread that waits for a debugger's signal, which nobody may send to a plugin of root's.
  "--disable-sigusr1",
  // The node's OpenSSL settings are not read: nothing here uses OpenSSL, and a faulty file would stop Node.
  "--openssl-config=/dev/null",
];

/**
 * Leaves NAME in `directory` (dist unless told). `scratch` is a directory for what is needed on the way; assets are files
 * by the name they have in the executable. The others are for experiments: `config` overrides settings of the single
 * executable, `flags` are Node's while it is made.
 */
export function makeExecutable(
  name,
  {
    main,
    assets = {},
    nodeOptions = NODE_OPTIONS,
    scratch,
    directory = dist,
    strip = true,
    config = {},
    flags = [],
  },
) {
  const scratchFile = (file, content) => {
    writeFileSync(`${scratch}/${file}`, content);
    return `${scratch}/${file}`;
  };
  const [blob, building] = [`${scratch}/${name}.blob`, `${scratch}/${name}`];
  const settings = JSON.stringify({
    main: scratchFile(`${name}.cjs`, main),
    output: blob,
    disableExperimentalSEAWarning: true,
    useCodeCache: true,
    ...(nodeOptions.length > 0 && { execArgv: nodeOptions }),
    // What is in NODE_OPTIONS of the runtime's environment is none of the plugin's business.
    execArgvExtension: "none",
    assets,
    ...config,
  });
  quietly(node, [...flags, "--experimental-sea-config", scratchFile(`${name}.json`, settings)]);
  copyFileSync(node, building);
  chmodSync(building, 0o755);
  if (strip) quietly("strip", ["-s", building]);
  const postject = `${root}/node_modules/postject/dist/cli.js`;
  quietly(node, [postject, building, "NODE_SEA_BLOB", blob, "--sentinel-fuse", SENTINEL]);
  // In place only when it is whole.
  renameSync(building, `${directory}/${name}`);
}

/** The code caches of scripts, by name, as files. */
export function codeCaches(scripts, scratch) {
  return Object.fromEntries(
    Object.entries(scripts).flatMap(([name, code]) => {
      const [file, cache] = [`${scratch}/${name}.js`, `${scratch}/${name}.cache`];
      // One byte a character: the executable reads it without decoding.
      writeFileSync(file, code, "latin1");
      quietly(node, [`${root}/build/code-cache.mjs`, file, cache]);
      return [
        [`${name}.js`, file],
        [`${name}.cache`, cache],
      ];
    }),
  );
}
