import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { removeTemporaries, replaceDurably } from "../../sys/durable.ts";

/** The plugin's executable in the runtime's directory, such as /opt/cni/bin/branchline. */

const MODE = 0o755;

/** It was written and reads back as something else. */
export class InstallError extends Error {
  override name = "InstallError";
}

/** Puts `source` into the directory, unless it is there already; says whether it was written. */
export function installExecutable(source: string, directory: string, name = "branchline"): boolean {
  const path = join(directory, name);
  const content = readFileSync(source);
  removeTemporaries(path);
  if (isSame(path, content)) return false;
  replaceDurably(path, content, MODE);
  if (isSame(path, content)) return true;
  throw new InstallError(
    `${path} does not read back as it was written: is the disk full, or does somebody else write it?`,
  );
}

function isSame(path: string, content: Uint8Array): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile() || found.size !== content.length) return false;
  return (found.mode & 0o777) === MODE && hashOf(readFileSync(path)) === hashOf(content);
}

function hashOf(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
