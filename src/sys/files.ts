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
 * Files and directories that are ours alone. What somebody else put in their place is neither followed nor written
 * through nor waited for: it is named, for a person to remove.
 */

/** Something else stands where a file or directory of ours should. The message says which, what, and what to do. */
export class ForeignFileError extends Error {
  override name = "ForeignFileError";
}

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Opens a regular file that is there already; undefined when it is not. `flags` as for open(2). */
export function openOwn(path: string, flags: number): number | undefined {
  let fd: number;
  try {
    // A FIFO would keep us waiting until somebody opens its other end.
    fd = openSync(path, flags | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw foreign(path) ?? error;
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw foreign(path) ?? new ForeignFileError(`${path} is no regular file; remove it`);
}

/** Makes a file that is not there yet (EEXIST otherwise), with this mode whatever the umask. */
export function createOwn(path: string, flags: number, mode: number): number {
  const fd = openSync(path, flags | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  fchmodSync(fd, mode);
  return fd;
}

/** Opens a file to append to, and makes it if need be. */
export function appendOwn(path: string, mode: number): number {
  const open = () => openOwn(path, O_WRONLY | O_APPEND);
  const fd = open();
  if (fd !== undefined) return fd;
  try {
    return createOwn(path, O_WRONLY | O_APPEND, mode);
  } catch (error) {
    // Another process was faster.
    const its = errorCode(error) === "EEXIST" ? open() : undefined;
    if (its === undefined) throw error;
    return its;
  }
}

/** The text of a file; undefined when there is none. One of more bytes than that is none of ours. */
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

/** Makes a directory of mode 0700, whatever the umask; one that is there must be ours alone to write to. */
export function ensureOwnDirectory(path: string): void {
  if (isOwnDirectory(path)) return;
  try {
    // Not recursive: of a file system that is read-only Node would say ENOENT then.
    mkdirSync(path, 0o700);
  } catch (error) {
    // Another process was faster, or something else came there.
    if (errorCode(error) === "EEXIST" && isOwnDirectory(path)) return;
    throw error;
  }
  if ((lstatSync(path).mode & 0o700) !== 0o700) chmodSync(path, 0o700);
}

/** Whether the directory is there. ForeignFileError when it is something else, or others could write to it. */
export function isOwnDirectory(path: string): boolean {
  const found = statsOf(path);
  if (found === undefined) return false;
  if (!found.isDirectory()) throw foreign(path) ?? new ForeignFileError(`${path} is no directory; remove it`);
  if (found.uid !== process.geteuid?.() || (found.mode & 0o022) !== 0) {
    throw new ForeignFileError(`${path} can be written by others; expected mode 0700`);
  }
  return true;
}

/** Opens a directory, to be locked. */
export function openDirectory(path: string): number {
  return openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

/**
 * Replaces a file in one step: readers see the old content or the new, never a part. The temporary file lies in the
 * same directory; it is not synced, as the directories written here do not outlive a boot.
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

/** Makes a file, in place of one that a killed process of our number left. */
function createAnew(path: string, mode: number): number {
  try {
    return createOwn(path, O_WRONLY, mode);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    removeOwn(path);
    return createOwn(path, O_WRONLY, mode);
  }
}

/** Removes a regular file; false when it was not there. */
export function removeOwn(path: string): boolean {
  const problem = foreign(path);
  if (problem !== undefined) throw problem;
  return removeFile(path);
}

/** Removes a file, of whatever kind; false when it was not there. */
export function removeFile(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** What stands in the place of a regular file; undefined for a regular file, and for nothing. */
function foreign(path: string): ForeignFileError | undefined {
  const found = statsOf(path);
  if (found === undefined || found.isFile()) return undefined;
  const what = found.isSymbolicLink() ? "a symbolic link" : "no regular file";
  return new ForeignFileError(`${path} is ${what}; remove it`);
}

function statsOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
