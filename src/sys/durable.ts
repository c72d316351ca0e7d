import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { namesIn } from "./names-in.ts";

/**
 * Files that survive a crash of the node at any moment, old or new, never half. Their directories belong to others, such
 * as /opt/cni/bin and /etc/cni/net.d, so the temporary name must be one that nobody picks up.
 */

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

/** A hidden name without a suffix that a runtime would read, in the same directory. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
}

const TEMPORARY = /^\.(?<name>.+)\.[0-9a-f]{12}\.tmp$/;

/** Whether it is the name of a file that is being written, or of what is left of one. */
export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name);
}

/** Replaces a file by what the pieces make together. What was half-done when a process was killed is left under its temporary name. */
export function replaceDurably(path: string, content: Iterable<Uint8Array>, mode: number): void {
  const temporary = temporaryName(path);
  try {
    const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    try {
      for (const piece of content) {
        for (let done = 0; done < piece.length;) done += writeSync(fd, piece, done);
      }
      // Whatever the umask is.
      fchmodSync(fd, mode);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(dirname(path));
}

/** Removes a file; nothing if there is none. */
export function removeDurably(path: string): void {
  rmSync(path, { force: true });
  syncDirectory(dirname(path));
}

/** Removes what killed processes left of a file under temporary names; nothing if its directory is not there. */
export function removeTemporaries(path: string): void {
  for (const name of namesIn(dirname(path))) {
    if (TEMPORARY.exec(name)?.groups?.["name"] === basename(path))
      rmSync(join(dirname(path), name), { force: true });
  }
}

/** A rename is on the disk only after that. */
function syncDirectory(path: string): void {
  const fd = openSync(path, O_RDONLY | O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
