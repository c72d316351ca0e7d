import { closeSync, fchmodSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { errorCode } from "./errno.ts";

/**
 * Replaces a file in one step: readers see the old content or the new, never a part. The temporary file lies in the
 * same directory; it is not synced, as the directories written here do not outlive a boot.
 */
export function writeFileAtomic(path: string, content: string, mode: number): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const fd = openSync(temporary, "w", mode);
  try {
    fchmodSync(fd, mode);
    const bytes = Buffer.from(content);
    for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
    renameSync(temporary, path);
  } catch (error) {
    removeFile(temporary);
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Removes a file; false when it was not there. */
export function removeFile(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}
