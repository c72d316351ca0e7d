import { existsSync } from "node:fs";
import { getBuiltinModule } from "node:process";
import { loadAsset } from "./asset.ts";

/** The part of koffi used here. Its own declarations are for its JavaScript wrapper, which we do not load. */
export interface Koffi {
  load(path: string | null): { func(prototype: string): NativeFunction };
  errno(value?: number): number;
}

export type NativeFunction = (...args: (number | Uint8Array | string | null)[]) => number;

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
