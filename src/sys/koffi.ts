import { existsSync } from "node:fs";
import { getBuiltinModule } from "node:process";
import { loadAsset } from "./asset.ts";

/** What of koffi is used here; its own declarations cover the JavaScript wrapper, which is not loaded. */
export interface Koffi {
  load(path: string | null): { func(prototype: string): NativeFunction };
  errno(value?: number): number;
}

export type NativeFunction = (...args: (number | Uint8Array | string | null)[]) => number;

/** The key of the native library among the executable's assets (build.mjs puts it there). */
const ASSET = "koffi.node";
/** A hash of its content and its size in bytes, put in by build.mjs: no start pays for them. */
declare const KOFFI_HASH: string;
declare const KOFFI_SIZE: number;

let loaded: Koffi | undefined;

/**
 * koffi, loaded once. Its own wrapper spends 15 ms looking for the binary (reference figure in docs/decisions);
 * we know where it is: inside the executable, or in node_modules while developing.
 */
export function koffi(): Koffi {
  loaded ??= load();
  return loaded;
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
