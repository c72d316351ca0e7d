import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { namesIn } from "../../sys/names-in.ts";
import type { ListsFact } from "../facts.ts";

/** Bytes; a list has some thousands. */
const MAX_LIST = 1024 * 1024;

/** The files of the runtime's directory. Throws what the file system says. */
export function readLists(directory: string): ListsFact {
  const files = namesIn(directory).flatMap((name) => {
    const path = join(directory, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined || !found.isFile()) return [];
    return [{ name, text: found.size > MAX_LIST ? "" : readFileSync(path, "utf8") }];
  });
  return { directory, files };
}
