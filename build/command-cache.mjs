// Run by the pinned Node: `node build/command-cache.mjs SCRIPT CACHE` writes V8's code cache of the functions of a command's
// script that run while it loads.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import v8 from "node:v8";
import vm from "node:vm";

const [, , from, to] = process.argv;

const script = new vm.Script(readFileSync(from, "utf8"), { filename: from });
const module = { exports: {} };
script.runInThisContext()(module, module.exports, createRequire(import.meta.url));
// V8 rejects a cache that was made with other flags than it is read with.
v8.setFlagsFromString("--hash-seed=0");
writeFileSync(to, script.createCachedData());
