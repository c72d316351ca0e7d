import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sharedCache } from "./cache.ts";

/**
 * Where programs.sh of this checkout puts what is built from the files in a directory here: by the version of the module
 * that they are named after, and by what else they are built from.
 */
export function programsDirectory(name: string, module: string, cache = sharedCache): string {
  const source = join(import.meta.dirname, name);
  const files = ["go.mod", "go.sum", ...globSync("*.go", { cwd: source })];
  const [mod = "", ...more] = files.map((file) => readFileSync(join(source, file), "utf8"));
  const start = `require ${module} v`;
  const version = mod.split("\n").find((line) => line.startsWith(start));
  if (version === undefined) throw new Error(`${source}/go.mod requires no ${module}`);
  const hash = createHash("sha256")
    .update([mod, ...more].join(""))
    .digest("hex")
    .slice(0, 16);
  return join(cache, name, `${version.slice(start.length)}-${hash}`);
}
