// Maps a stack trace of the executable to the sources: `node build/where.mjs < details`, or with frames as arguments,
// such as "qt (branchline/core.js:30:5725)". Needs dist/ of the same build.

import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { dist } from "./paths.mjs";

const maps = new Map();

function mapOf(script) {
  if (!maps.has(script)) {
    maps.set(script, new SourceMap(JSON.parse(readFileSync(`${dist}/plugin/${script}.js.map`, "utf8"))));
  }
  return maps.get(script);
}

const text = process.argv.length > 2 ? process.argv.slice(2).join("\n") : readFileSync(0, "utf8");
console.log(
  text.trimEnd().replace(/branchline\/(\w+)\.js:(\d+):(\d+)/g, (place, script, line, column) => {
    const { fileName, lineNumber, columnNumber } = mapOf(script).findOrigin(Number(line), Number(column));
    if (fileName === undefined) return place;
    // Paths in the maps are relative to a folder next to src/ and cmd/.
    return `${fileName.replace(/^\.\.\//, "")}:${lineNumber}:${columnNumber}`;
  }),
);
