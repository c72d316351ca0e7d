// Executables of the second runtime (docs/decisions/second-runtime.md): the same sources, bundled by the same esbuild, with
// src/sys/runtime/bun.ts in place of node.ts, and compiled by Bun into a copy of itself.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { bundleOf } from "./bundle.mjs";
import { dist, root } from "./paths.mjs";
import { withoutNames } from "./switches.mjs";
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
  writeFileSync(runtime, withoutNames(readFileSync(file), SWITCHES, isRead), { mode: 0o755 });
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
 * Names by which an environment makes a compiled executable something else: another program, one with a script before it, one
 * that listens for a debugger, writes a file of its own or sends a report of its crash. Bun has no option that makes it ignore
 * them, as Node has for NODE_OPTIONS. test/binary/executable.test.ts tries each.
 */
const SWITCHES = [
  "BUN_OPTIONS",
  "BUN_BE_BUN",
  // With BUN_INSPECT_PRELOAD and others.
  "BUN_INSPECT",
  // BUN_BYTECODE_ORDER_OUT, BUN_BYTECODE_DIGEST_OUT.
  "BUN_BYTECODE_",
  "BUN_ENABLE_CRASH_REPORTING",
  // BUN_JSC_functionOverrides is a file with other bodies for functions. Without it those settings run nothing that is not in
  // the executable. That prefix is in the machine code, so they are there to stay.
  "functionOverrides",
];

/** In messages and in Bun's own JavaScript a name stays: there it follows a blank, a point or a bracket. */
function isRead(bun, at) {
  return /[\0\w]/.test(String.fromCharCode(bun[at - 1]));
}

/** Throws unless the file is the pinned Bun for this architecture. */
export function checkBun(arch, file = BUNS[arch].file) {
  const found = createHash("sha256").update(readFileSync(file)).digest("hex");
  const { sha256 } = BUNS[arch];
  if (found !== sha256) {
    throw new Error(`${file} is not the pinned Bun: its SHA-256 is ${found}, build/bun.mjs says ${sha256}`);
  }
}
