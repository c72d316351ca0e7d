// Single executables: a script and its assets, injected into a stripped copy of the pinned Node.

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { node, root } from "./paths.mjs";
import { withoutNames } from "./switches.mjs";
import { HOST } from "./target.mjs";
import { quietly } from "./tool.mjs";

/** What postject looks for in a Node binary (nodejs.org, "Single executable applications"). */
const SENTINEL = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

/** V8 hashes strings with a random seed, and a code cache has the hashes: with this one the same source makes the same bytes. */
const SAME_BYTES = "--hash-seed=1";

/**
 * Node options that speed up its start; docs/notes/start-up.md has the figures. V8 options do not help: V8 rejects
 * Node's own code cache if its flags differ from those it was built with.
 */
export const NODE_OPTIONS = [
  // One worker thread instead of four: nothing is compiled in the background, and the garbage collector hardly runs.
  "--v8-pool-size=1",
  // No thread that waits for SIGUSR1 to start a debugger, which must not be attached to a root plugin anyway.
  "--disable-sigusr1",
  // Do not read the node's OpenSSL configuration: we do not use OpenSSL, and a faulty file would stop Node.
  "--openssl-config=/dev/null",
];

/**
 * By this variable Node takes the code of its main script from a directory: whatever stands there with the right name and
 * checksums runs instead. No setting of a single executable turns it off. test/binary/executable.test.ts tries it.
 */
const SWITCHES = ["NODE_COMPILE_CACHE"];

/** In Node's own JavaScript a name stays, and in its snapshot, which has a checksum: there its length stands before it. */
function isCString(file, at, length) {
  return file[at - 1] === 0 && file[at + length] === 0 && file.readUInt32LE(at - 4) !== length;
}

/**
 * Builds the executable NAME in `directory` (by default the target's). `scratch` is a directory for intermediate files; `assets`
 * maps names in the executable to files. The other options are for experiments: `config` overrides settings of the
 * single executable, `flags` are Node's at build time.
 */
export function makeExecutable(
  name,
  {
    main,
    assets = {},
    nodeOptions = NODE_OPTIONS,
    scratch,
    target = HOST,
    directory = target.dist,
    strip = true,
    config = {},
    flags = [],
  },
) {
  const scratchFile = (file, content) => {
    writeFileSync(`${scratch}/${file}`, content);
    return file;
  };
  const [blob, building] = [`${scratch}/${name}.blob`, `${scratch}/${name}`];
  const settings = JSON.stringify({
    main: scratchFile(`${name}.cjs`, main),
    output: blob,
    disableExperimentalSEAWarning: true,
    ...(nodeOptions.length > 0 && { execArgv: nodeOptions }),
    // Ignore NODE_OPTIONS in the runtime's environment.
    execArgvExtension: "none",
    assets,
    ...config,
  });
  // The executable keeps the script's name as it is given here: a relative one, since the scratch directory's is random.
  const sea = [SAME_BYTES, ...flags, "--experimental-sea-config", scratchFile(`${name}.json`, settings)];
  // Without Node's own code cache or snapshot the blob is the same for all architectures.
  quietly(node, sea, scratch);
  writeFileSync(building, withoutNames(readFileSync(target.node), SWITCHES, isCString), { mode: 0o755 });
  if (strip) quietly(target.strip, ["-s", building]);
  const postject = `${root}/node_modules/postject/dist/cli.js`;
  quietly(node, [postject, building, "NODE_SEA_BLOB", blob, "--sentinel-fuse", SENTINEL]);
  // Renamed into place once complete.
  renameSync(building, `${directory}/${name}`);
}

/** Runs one of the scripts here by the target's Node: V8 takes no other's code cache. */
function cacheBy(target, script, args, cwd) {
  const [program, ...before] = target.running;
  quietly(program, [...before, SAME_BYTES, `${root}/build/${script}`, ...args], cwd);
}

/** Writes each script and its code cache; returns the files by asset name. */
export function codeCaches(scripts, scratch, target = HOST) {
  return Object.fromEntries(
    Object.entries(scripts).flatMap(([name, code]) => {
      const [file, cache] = [`${scratch}/${name}.js`, `${scratch}/${name}.cache`];
      // One byte per character, so that the executable reads it without decoding.
      writeFileSync(file, code, "latin1");
      cacheBy(target, "code-cache.mjs", [file, cache]);
      return [
        [`${name}.js`, file],
        [`${name}.cache`, cache],
      ];
    }),
  );
}

/** A command's script as cmd/branchline/load-script.ts takes it: a function of a module's own three. */
export function asFunction(code) {
  return `(function(module,exports,require){${code}\n})`;
}

/** Writes the code cache of a command's script of this name; returns its file. */
export function commandCache(name, scratch, target = HOST) {
  const cache = `${scratch}/${name}.cache`;
  cacheBy(target, "command-cache.mjs", [`${name}.cjs`, cache], scratch);
  return cache;
}
