import { existsSync } from "node:fs";
import { getBuiltinModule } from "node:process";
import { loadAsset } from "../asset.ts";
import type { NativeFunction, NativeLibrary, Runtime } from "./runtime.ts";

/** Node.js, with koffi for the C library. */
export const runtime: Runtime = {
  name: "Node.js",
  version: process.versions.node,
  library,
  script,
  // V8 would let it grow to 32 MiB while lists are read, and the garbage in the old space with it, which on a busy
  // processor was 100 MiB and stayed (docs/performance.md).
  keepHeapSmall: () => setFlag("--semi-space-growth-factor=1"),
  // Once garbage in the old space is half of what was in use.
  collectGarbageSoon: () => setFlag("--heap-growing-percent=50"),
};

/** Loaded when it is called: it takes 2.7 ms, and the plugin does not need it. */
function setFlag(flag: string): void {
  getBuiltinModule("node:v8").setFlagsFromString(flag);
}

/** The part of koffi used here. Its own declarations are for its JavaScript wrapper, which we do not load. */
export interface Koffi {
  load(path: string | null): { func(prototype: string): NativeFunction };
  errno(value?: number): number;
}

/** The native library's key among the executable's assets (see build.mjs). */
const ASSET = "koffi.node";
/** Hash of its content and size in bytes, computed at build time. */
declare const KOFFI_HASH: string;
declare const KOFFI_SIZE: number;

let loaded: Koffi | undefined;

/**
 * koffi, loaded once. Its own wrapper takes 15 ms to find the binary (measured in docs/decisions). We know where it is:
 * in the executable, or in node_modules during development.
 */
export function koffi(): Koffi {
  loaded ??= load();
  return loaded;
}

let libc: NativeLibrary | undefined;

function library(): NativeLibrary {
  if (libc === undefined) {
    const native = koffi();
    // null: the C library that Node is linked with.
    const symbols = native.load(null);
    libc = { func: (prototype) => symbols.func(prototype), errno: () => native.errno() };
  }
  return libc;
}

function open(path: string): Koffi {
  const module = { exports: {} };
  process.dlopen(module, path);
  return module.exports as Koffi;
}

function load(): Koffi {
  const sea = getBuiltinModule("node:sea");
  if (!sea.isSea()) return open(developmentPath());
  const content = () => new Uint8Array(sea.getRawAsset(ASSET));
  return loadAsset({ name: ASSET, hash: KOFFI_HASH, size: KOFFI_SIZE, content }, open);
}

function developmentPath(): string {
  const relative = `node_modules/@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`;
  for (let directory = import.meta.dirname; ;) {
    const candidate = `${directory}/${relative}`;
    if (existsSync(candidate)) return candidate;
    const parent = directory.slice(0, directory.lastIndexOf("/"));
    if (parent === directory || directory === "") throw new Error(`Cannot find ${relative}: run npm ci`);
    directory = parent;
  }
}

type Evaluate = (module: unknown, exports: unknown, require: unknown) => void;

/** One is a separate asset of the executable (see build.mjs); its code cache spares whoever waits for it 0.2 s and 27 MiB. */
function script(name: string, cache?: string): unknown {
  const sea = getBuiltinModule("node:sea");
  if (!sea.isSea()) throw new Error("the command line is run from the built executable");
  const module = { exports: {} as unknown };
  const { Script } = getBuiltinModule("node:vm");
  const { createRequire } = getBuiltinModule("node:module");
  const compiled = new Script(sea.getAsset(name, "utf8"), {
    filename: `branchline/${name}`,
    // One that V8 rejects is left unused.
    ...(cache !== undefined && { cachedData: new Uint8Array(sea.getRawAsset(cache)) }),
  });
  const evaluate = compiled.runInThisContext() as Evaluate;
  evaluate(module, module.exports, createRequire(`${process.execPath}/`));
  return module.exports;
}
