import { closeSync, constants } from "node:fs";
import { dirname } from "node:path";
import { type Clock, poll } from "./clock.ts";
import { Errno, SysError, errorCode } from "./errno.ts";
import { createOwn, openDirectory, openOwn } from "./files.ts";
import { flock } from "./libc.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes an exclusive lock on the file, creating it if necessary; undefined after the timeout. The kernel releases the
 * lock when the process ends, however it ends. The file stays: removing it would allow two holders.
 *
 * An existing file is opened for reading, so locking works on a full or read-only file system. A new one is created under
 * the directory's lock, so while lockDirectory is held no lock file can appear.
 */
export function lockFile(path: string, waitMs: number, clock: Clock): Disposable | undefined {
  const fd = openOwn(path, constants.O_RDONLY) ?? make(path, waitMs, clock);
  return fd === undefined ? undefined : lock(fd, waitMs, 10, clock);
}

/** The same for an existing directory, which can be locked where no file can be created. */
export function lockDirectory(path: string, waitMs: number, clock: Clock): Disposable | undefined {
  // Usually held only while a file is created.
  return lock(openDirectory(path), waitMs, 1, clock);
}

function make(path: string, waitMs: number, clock: Clock): number | undefined {
  using directory = lockDirectory(dirname(path), waitMs, clock);
  if (directory === undefined) return undefined;
  try {
    return createOwn(path, constants.O_RDONLY, 0o600);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    // Another process created it first.
    return openOwn(path, constants.O_RDONLY);
  }
}

function lock(fd: number, waitMs: number, intervalMs: number, clock: Clock): Disposable | undefined {
  try {
    const taken = poll(clock, waitMs, intervalMs, () => tryLock(fd));
    if (taken === undefined) closeSync(fd);
    return taken === undefined ? undefined : { [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function tryLock(fd: number): true | undefined {
  try {
    flock(fd, LOCK_EX | LOCK_NB);
    return true;
  } catch (error) {
    if (error instanceof SysError && error.errno === Errno.EAGAIN) return undefined;
    throw error;
  }
}
