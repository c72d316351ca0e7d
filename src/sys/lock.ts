import { closeSync, constants } from "node:fs";
import { dirname } from "node:path";
import { type Clock, poll } from "./clock.ts";
import { Errno, SysError, errorCode } from "./errno.ts";
import { createOwn, openDirectory, openOwn } from "./files.ts";
import { flock } from "./libc.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes an exclusive lock on the file, making it if need be, or gives undefined when the wait is over. The kernel frees
 * it with the process, however that ends; the file stays, as removing it would let two holders in.
 *
 * A file that is there is opened for reading, so that it can be locked on a file system that is full or read-only. It is
 * made under the lock of its directory: who holds that (lockDirectory) knows that no file is being made.
 */
export function lockFile(path: string, waitMs: number, clock: Clock): Disposable | undefined {
  const fd = openOwn(path, constants.O_RDONLY) ?? make(path, waitMs, clock);
  return fd === undefined ? undefined : lock(fd, waitMs, 10, clock);
}

/** The same for a directory itself, which must be there: what can be locked where no file can be made. */
export function lockDirectory(path: string, waitMs: number, clock: Clock): Disposable | undefined {
  // Mostly held for as long as it takes to make a file.
  return lock(openDirectory(path), waitMs, 1, clock);
}

function make(path: string, waitMs: number, clock: Clock): number | undefined {
  using directory = lockDirectory(dirname(path), waitMs, clock);
  if (directory === undefined) return undefined;
  try {
    return createOwn(path, constants.O_RDONLY, 0o600);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    // Another process was faster.
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
