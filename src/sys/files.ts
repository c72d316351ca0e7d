import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
  type Stats,
} from "node:fs";
import { errorCode } from "./errno.ts";

/**
 * Files and directories that only we may write. If something else is in their place, we do not follow it, write through
 * it or block on it, but report it for a person to remove.
 */

/** Something else is in the place of one of our files or directories. The message says what it is and what to do. */
export class ForeignFileError extends Error {
  override name = "ForeignFileError";
}

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Opens an existing regular file; undefined if there is none. `flags` as for open(2). */
export function openOwn(path: string, flags: number): number | undefined {
  let fd: number;
  try {
    // O_NONBLOCK: opening a FIFO would block until somebody opens its other end.
    fd = openSync(path, flags | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw foreign(path) ?? error;
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw foreign(path) ?? new ForeignFileError(`${path} is not a regular file; remove it`);
}

/** Creates a file (EEXIST if it exists) with exactly this mode, whatever the umask. */
export function createOwn(path: string, flags: number, mode: number): number {
  const fd = openSync(path, flags | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  fchmodSync(fd, mode);
  return fd;
}

/** Opens a file for appending, creating it if necessary. */
export function appendOwn(path: string, mode: number): number {
  const open = () => openOwn(path, O_WRONLY | O_APPEND);
  const fd = open();
  if (fd !== undefined) return fd;
  try {
    return createOwn(path, O_WRONLY | O_APPEND, mode);
  } catch (error) {
    // Another process created it first.
    const its = errorCode(error) === "EEXIST" ? open() : undefined;
    if (its === undefined) throw error;
    return its;
  }
}

/** The text of a file; undefined if there is none. ForeignFileError if it has more than `mostBytes`. */
export function readOwn(path: string, mostBytes: number): string | undefined {
  const fd = openOwn(path, O_RDONLY);
  if (fd === undefined) return undefined;
  try {
    const { size } = fstatSync(fd);
    if (size > mostBytes) {
      throw new ForeignFileError(
        `${path} has ${size} bytes, more than the ${mostBytes} it may have; remove it`,
      );
    }
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

/** Creates a directory of mode 0700, whatever the umask. An existing one must be writable by us alone. */
export function ensureOwnDirectory(path: string): void {
  if (isOwnDirectory(path)) return;
  try {
    // Not recursive: on a read-only file system Node would report ENOENT.
    mkdirSync(path, 0o700);
  } catch (error) {
    // Another process created it first, or something else is there.
    if (errorCode(error) === "EEXIST" && isOwnDirectory(path)) return;
    throw error;
  }
  if ((lstatSync(path).mode & 0o700) !== 0o700) chmodSync(path, 0o700);
}

/** Whether the directory exists. ForeignFileError if it is not a directory, or others can write to it. */
export function isOwnDirectory(path: string): boolean {
  const found = statsOf(path);
  if (found === undefined) return false;
  if (!found.isDirectory())
    throw foreign(path) ?? new ForeignFileError(`${path} is not a directory; remove it`);
  if (found.uid !== process.geteuid?.() || (found.mode & 0o022) !== 0) {
    throw new ForeignFileError(`${path} is writable by others; expected mode 0700`);
  }
  return true;
}

/** Opens a directory for locking. */
export function openDirectory(path: string): number {
  return openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

/**
 * Replaces a file atomically: readers see the old content or the new. The temporary file is in the same directory; it is
 * not synced, since these directories do not survive a reboot.
 */
export function writeFileAtomic(path: string, content: string, mode: number): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const fd = createAnew(temporary, mode);
  try {
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

/** Creates a file, replacing one left by a killed process that had our PID. */
function createAnew(path: string, mode: number): number {
  try {
    return createOwn(path, O_WRONLY, mode);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    removeOwn(path);
    return createOwn(path, O_WRONLY, mode);
  }
}

/** Removes a regular file; false if there was none. */
export function removeOwn(path: string): boolean {
  const problem = foreign(path);
  if (problem !== undefined) throw problem;
  return removeFile(path);
}

/** Removes a file of any kind; false if there was none. */
export function removeFile(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** The error for something other than a regular file; undefined for a regular file or none. */
function foreign(path: string): ForeignFileError | undefined {
  const found = statsOf(path);
  if (found === undefined || found.isFile()) return undefined;
  const what = found.isSymbolicLink() ? "a symbolic link" : "not a regular file";
  return new ForeignFileError(`${path} is ${what}; remove it`);
}

function statsOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
