// Executables of the second runtime (docs/decisions/second-runtime.md): the same sources, bundled by the same esbuild, with
// src/sys/runtime/bun.ts in place of node.ts, and compiled by Bun into a copy of itself.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { bundleOf } from "./bundle.mjs";
import { dist, root } from "./paths.mjs";
import { quietly } from "./tool.mjs";

/** Bun's file for each architecture; `sha256` is that of the file in npm's package. */
const BUNS = {
  amd64: {
    file: `${root}/parts/bun/node_modules/@oven/bun-linux-x64/bin/bun`,
    sha256: "f05d28a3862f4b84395c7fa32480b835dd47482e80b7e7a49a115227f0c06083",
    target: "bun-linux-x64",
    directory: `${dist}/bun`,
  },
  arm64: {
    file: `${root}/parts/bun-arm64/node_modules/@oven/bun-linux-aarch64/bin/bun`,
    sha256: "04778f1f42399a69d086853e9c7af4acf574b2f21a43d0dc673853d8b84a2923",
    target: "bun-linux-arm64",
    directory: `${dist}/bun/arm64`,
  },
};

/** How the sources are bundled for it. */
export const FOR_BUN = { conditions: ["bun"], external: ["bun:*"] };

/**
 * How much longer than usual code has to run until JavaScriptCore compiles it: in a call of the plugin, which has ended before
 * that is of use, its compilers took a quarter of an ADD's processor time. A command sets it back (src/sys/runtime/bun.ts).
 */
const JIT_POLICY = 100;

/** The plugin, in one script: Bun reads of its bytecode what runs. */
export function bunPlugin(more = {}) {
  return bundleOf("cmd/branchline/main.ts", { ...FOR_BUN, ...more });
}

/**
 * Builds the executable NAME in `directory` (by default the architecture's). `main` is its first script, `scripts` are those of
 * the commands by name, `scratch` is a directory for intermediate files. Bun looks neither for .env nor for bunfig.toml when it
 * starts, which would be where the caller is.
 */
export function makeBunExecutable(
  name,
  { arch, main, scripts = {}, scratch, directory = BUNS[arch].directory },
) {
  for (const needed of new Set(["amd64", arch])) checkBun(needed);
  const { file, target } = BUNS[arch];
  const written = Object.entries({ [name]: main, ...scripts }).map(([script, code]) => {
    // A relative name, since Bun keeps it and the scratch directory's is random.
    writeFileSync(`${scratch}/${script}.cjs`, code);
    return `./${script}.cjs`;
  });
  const runtime = `${scratch}/bun`;
  writeFileSync(runtime, withoutSwitches(readFileSync(file)), { mode: 0o755 });
  mkdirSync(directory, { recursive: true });
  const building = `${scratch}/executable`;
  quietly(
    BUNS.amd64.file,
    [
      "build",
      "--compile",
      "--minify",
      "--bytecode",
      "--format=cjs",
      `--target=${target}`,
      `--compile-executable-path=${runtime}`,
      `--compile-jit-policy=${JIT_POLICY}`,
      "--no-compile-autoload-dotenv",
      "--no-compile-autoload-bunfig",
      // It would be where the executable was built, which is another place each time.
      "--define=__filename=undefined",
      "--define=__dirname=undefined",
      ...written,
      `--outfile=${building}`,
    ],
    scratch,
  );
  renameSync(building, `${directory}/${name}`);
}

/**
 * Variables by which an environment makes a compiled executable something else: another program, one with a script before it, one
 * that listens for a debugger or writes a file of its own. Bun has no option that makes it ignore them, as Node has for
 * NODE_OPTIONS.
 */
const SWITCHES = ["BUN_OPTIONS", "BUN_BE_BUN", "BUN_INSPECT", "BUN_BYTECODE_ORDER_OUT"];

/**
 * Bun, for which there is none of these variables: the first letter of each name is NUL, which no name in an environment can
 * have. Those that begin with one of them (BUN_INSPECT_PRELOAD) go with it. Throws if one is not there: it has another name
 * now, or none. test/binary/executable.test.ts tries each.
 */
function withoutSwitches(bun) {
  for (const name of SWITCHES) {
    let found = 0;
    for (let at = bun.indexOf(name); at >= 0; at = bun.indexOf(name, at + 1)) {
      // In messages and in Bun's own JavaScript it stays: there it follows a blank, a point or a bracket.
      if (!/[\0\w]/.test(String.fromCharCode(bun[at - 1]))) continue;
      bun[at] = 0;
      found += 1;
    }
    if (found === 0) throw new Error(`Bun has no ${name} any more: see SWITCHES in build/bun.mjs`);
  }
  return bun;
}

/** Throws unless the file is the pinned Bun for this architecture. */
export function checkBun(arch, file = BUNS[arch].file) {
  const found = createHash("sha256").update(readFileSync(file)).digest("hex");
  const { sha256 } = BUNS[arch];
  if (found !== sha256) {
    throw new Error(`${file} is not the pinned Bun: its SHA-256 is ${found}, build/bun.mjs says ${sha256}`);
  }
}
