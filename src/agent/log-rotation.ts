import { lstatSync, renameSync } from "node:fs";
import { errorCode } from "../sys/errno.ts";

/** The plugin's log, which each call opens anew and appends to: a renamed file needs no signal to anybody. */

/** Bytes. */
const MAX_SIZE = 10 * 1024 * 1024;
const KEPT = 3;

/**
 * Moves the log aside once it is large: FILE.1 is the newest, and what was FILE.3 is gone. True when it did. Throws what the
 * file system says. Anything but a regular file is left alone: a link may lead to another's log.
 */
export function rotate(file: string): boolean {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found?.isFile() !== true || found.size < MAX_SIZE) return false;
  for (let number = KEPT; number > 1; number--) move(`${file}.${number - 1}`, `${file}.${number}`);
  move(file, `${file}.1`);
  return true;
}

function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    // Not so many yet, or somebody else rotates it as well.
    if (errorCode(error) !== "ENOENT") throw error;
  }
}
