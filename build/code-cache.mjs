// Run by the pinned Node: `node build/code-cache.mjs SCRIPT CACHE` writes V8's code cache of all of a script's functions.

import { readFileSync, writeFileSync } from "node:fs";
import v8 from "node:v8";
import vm from "node:vm";

const [, , from, to] = process.argv;

v8.setFlagsFromString("--no-lazy");
const script = new vm.Script(readFileSync(from, "latin1"));
// V8 rejects a cache that was made with other flags than it is read with.
v8.setFlagsFromString("--lazy");
v8.setFlagsFromString("--hash-seed=0");
writeFileSync(to, script.createCachedData());
