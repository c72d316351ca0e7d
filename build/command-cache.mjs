// Run by the pinned Node: `node build/command-cache.mjs SCRIPT CACHE` writes V8's code cache of the functions of a command's
// script that run while it loads.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import v8 from "node:v8";
import vm from "node:vm";

const [, , from, to] = process.argv;

// Whether a compiler's thread is at work on a function, and which functions are not used any more, is in the cache too:
// without both the same script makes the same bytes.
const UNTIMED = ["sparkplug", "maglev", "opt", "flush-bytecode"];
for (const flag of UNTIMED) v8.setFlagsFromString(`--no-${flag}`);
const script = new vm.Script(readFileSync(from, "utf8"), { filename: from });
const module = { exports: {} };
script.runInThisContext()(module, module.exports, createRequire(import.meta.url));
// V8 rejects a cache that was made with other flags than it is read with.
for (const flag of UNTIMED) v8.setFlagsFromString(`--${flag}`);
v8.setFlagsFromString("--hash-seed=0");
writeFileSync(to, script.createCachedData());
